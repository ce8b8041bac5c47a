# A program connects, and a shell takes its input from there.
sh is /bin/bash uid=33
sh fork py
py exec /usr/bin/python3 "python3 x.py"
py connect tcp:10.0.0.1:40000>203.0.113.9:4444
py fork shell
shell exec /bin/sh "sh -i"
shell read tcp:10.0.0.1:40000>203.0.113.9:4444
expect critical a shell talks to another machine
