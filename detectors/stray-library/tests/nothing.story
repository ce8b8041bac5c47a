# Libraries of the system, an interpreter's modules, and a program of one's own.
sh is /bin/bash uid=1000
sh fork ls
ls exec /usr/bin/ls
ls map-executable /usr/lib/x86_64-linux-gnu/libc.so.6
sh fork py
py exec /usr/bin/python3.11 "python3 x.py"
py map-executable /home/a/venv/lib/python3.11/site-packages/numpy/core.so
sh fork own
own exec /home/a/bin/tool
own map-executable /home/a/lib/libtool.so.1
