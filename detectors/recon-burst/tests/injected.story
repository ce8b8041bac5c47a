# Commands that were injected into a web application look around.
wrap is /usr/sbin/fcgiwrap uid=33
wrap fork cgi
cgi exec /bin/dash "/bin/sh /usr/lib/cgi-bin/lookup.cgi"
cgi fork sh
sh exec /bin/dash "sh -c getent hosts x; id; hostname"
sh fork g
g exec /usr/bin/getent "getent hosts x"
sh fork a
a exec /usr/bin/id
sh fork b
b exec /usr/bin/hostname
expect medium looks around on the machine
