# The same over half an hour.
sh is /bin/bash uid=1000
sh fork a
a exec /usr/bin/whoami
wait 600s
sh fork b
b exec /usr/bin/id
wait 600s
sh fork c
c exec /usr/bin/ss
wait 600s
sh fork d
d exec /usr/bin/ps
