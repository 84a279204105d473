# Honest: to read its limits, and to lower one
# Prints: True\n
import resource
soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
resource.setrlimit(resource.RLIMIT_STACK, (min(hard, 1 << 28), hard))
print(soft > 1 << 26)
