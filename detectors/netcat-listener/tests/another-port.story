# By another netcat, on another port.
sh is /bin/bash uid=1000
sh fork nc
nc exec /usr/bin/ncat "ncat -l 4000"
nc listen tcp:[::]:4000
expect medium netcat listens on port 4000
