# Honest: exit() and quit(), which -S takes away
# Prints: before\n
print("before")
exit()
print("after")
