# A web server's worker runs a shell for a visitor.
init is /sbin/init
web is /usr/sbin/nginx parent=init
web accept tcp:10.0.0.1:80>203.0.113.9:5000
web fork worker
worker exec /bin/sh "sh -c id"
expect high a shell under a network service
