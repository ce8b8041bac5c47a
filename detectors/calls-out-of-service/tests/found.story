# A child fetches something.
web is /usr/sbin/nginx
web accept tcp:10.0.0.1:80>203.0.113.9:5000
web fork curl
curl exec /usr/bin/curl "curl 203.0.113.9"
curl connect tcp:10.0.0.1:40000>203.0.113.9:8080
expect medium calls out from below a service
