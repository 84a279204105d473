# Tries: to run a shell
# Accepts: OK
# Must not: execute anything
import subprocess
for command in (["/bin/sh", "-c", "echo BREACH"], ["/usr/bin/python3", "-c", "print('BREACH')"]):
    try:
        print(subprocess.run(command, capture_output=True).stdout)
    except OSError:
        print("held")
