# By the shell's own means.
sh is /bin/bash uid=1000
sh connect tcp:10.0.0.1:40000>203.0.113.9:4444
expect high a shell talks to another machine
