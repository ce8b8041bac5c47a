# The first is almost the present; the second repeats an edge of the graph and lies further back.
sh is /bin/bash
sh fork py
py exec /usr/bin/python3 "python3 x.py"
py set-times /etc/passwd 60s
py set-times /etc/passwd 30d
expect medium sets a file's times
