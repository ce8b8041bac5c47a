# A program traces its own child, and a debugger somebody.
sh is /bin/bash uid=1000
sh fork child
sh ptrace child
gdb is /usr/bin/gdb uid=1000
other is /usr/bin/other uid=1000
gdb ptrace other
