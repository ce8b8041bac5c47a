# A person does.
sh is /bin/bash uid=1000
sh fork a
a exec /usr/bin/whoami
sh fork b
b exec /usr/bin/id
sh fork c
c exec /usr/bin/ss
sh fork d
d exec /usr/bin/ps
expect low looks around on the machine
