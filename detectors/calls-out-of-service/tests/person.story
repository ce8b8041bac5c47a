# A person fetches something.
sh is /bin/bash uid=1000
sh fork curl
curl exec /usr/bin/curl "curl example.org"
curl connect tcp:10.0.0.1:40000>203.0.113.9:443
