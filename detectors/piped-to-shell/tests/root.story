# An administrator pipes an installer into a shell, as its instructions say.
sh is /bin/bash
sh fork curl
curl exec /usr/bin/curl "curl -s http://203.0.113.9/i"
curl connect tcp:10.0.0.1:40000>203.0.113.9:80
sh fork run
run exec /bin/sh "sh -s --"
curl write pipe:1
run read pipe:1
expect medium runs what it is handed from the network
