# A web server listens there, and netcat only looks whether it does.
web is /usr/sbin/nginx
web bind tcp:0.0.0.0:8888
web listen tcp:0.0.0.0:8888
sh is /bin/bash uid=1000
sh fork nc
nc exec /usr/bin/nc "nc -z 127.0.0.1 8888"
nc connect tcp:127.0.0.1:40000>127.0.0.1:8888
