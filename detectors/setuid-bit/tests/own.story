# A program's own call says no mode on its command line.
py is /usr/bin/python3 uid=0 cmd="python3 /home/a/x.py"
py write /home/a/helper
py chmod /home/a/helper 4711
expect critical sets the set-user-id bit of a program
