# The child of a web server looks around.
web is /usr/sbin/nginx
web accept tcp:10.0.0.1:80>203.0.113.9:5000
web fork sh
sh exec /bin/sh "sh -i"
sh fork a
a exec /usr/bin/whoami
sh fork b
b exec /usr/bin/id
sh fork c
c exec /usr/bin/uname "uname -a"
sh fork d
d exec /usr/sbin/ip "ip addr"
expect medium looks around on the machine
