# A proxy of the system, a relay within the machine, and a tool that only connects.
web is /usr/sbin/nginx
web accept tcp:10.0.0.1:443>203.0.113.9:5000
web connect tcp:10.0.0.1:40000>10.0.0.9:8080
py is /usr/bin/python3.11 uid=1000
py accept tcp:10.0.0.1:8443>203.0.113.9:5000
py connect tcp:127.0.0.1:40000>127.0.0.1:5432
nc is /usr/bin/nc uid=1000
nc connect tcp:10.0.0.1:40000>10.0.0.9:22
