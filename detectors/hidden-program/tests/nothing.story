# A program in a hidden folder.
sh is /bin/bash uid=1000
sh fork x
x exec /tmp/.build/x
