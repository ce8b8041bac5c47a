# A relay that forks for each connection.
sh is /bin/bash
sh fork relay
relay exec /usr/bin/socat "socat tcp4-l:8443,fork tcp4:10.0.0.9:22"
relay listen tcp:0.0.0.0:8443
relay accept tcp:10.0.0.1:8443>203.0.113.9:5000
relay fork one
one connect tcp:10.0.0.1:40000>10.0.0.9:22
expect high passes connections on to another machine
