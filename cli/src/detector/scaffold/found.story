# A shell opens a listener with netcat.
sh is /bin/bash uid=1000
sh fork nc
nc exec /usr/bin/nc "nc -l -p 8888"
nc bind tcp:0.0.0.0:8888
nc listen tcp:0.0.0.0:8888
expect high netcat listens on port 8888
