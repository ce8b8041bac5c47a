# Scripts of a site, and what they start.
web is /usr/sbin/httpd
web accept tcp:10.0.0.1:80>203.0.113.9:5000
web fork script
script exec /bin/dash "/bin/sh /usr/lib/cgi-bin/lookup.cgi"
script fork part
part exec /bin/dash "sh -c getent hosts example"
