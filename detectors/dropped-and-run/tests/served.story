# A web server writes what a visitor sent, and its child runs it.
web is /usr/sbin/nginx
web accept tcp:10.0.0.1:80>203.0.113.9:5000
web receive tcp:10.0.0.1:80>203.0.113.9:5000 bytes=9000
web write /var/www/x bytes=9000
web fork x
x exec /var/www/x
expect high ran what had come over the network
