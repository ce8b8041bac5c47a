# A shell that asks a service of its own machine, and a program that connects.
sh is /bin/bash uid=1000
sh connect tcp:127.0.0.1:40000>127.0.0.1:80
sh fork curl
curl exec /usr/bin/curl "curl example.org"
curl connect tcp:10.0.0.1:40000>203.0.113.9:443
