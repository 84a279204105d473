# Honest: output of an object that lives to the end
# Prints: end\ngone\n
class A:
    def __del__(self):
        print("gone")


a = A()
print("end")
