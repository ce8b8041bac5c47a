# An ordinary program, from where programs of users are.
sh is /bin/sh
sh fork x
x exec /home/a/bin/x
