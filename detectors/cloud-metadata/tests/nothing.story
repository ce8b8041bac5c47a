# The cloud's own, and another address.
init is /usr/bin/cloud-init
init connect tcp:10.0.0.1:40000>169.254.169.254:80
curl is /usr/bin/curl
curl connect tcp:10.0.0.1:40001>203.0.113.9:80
