# Commands that were injected into a CGI script write a web shell.
wrap is /usr/sbin/fcgiwrap uid=33
wrap fork cgi
cgi exec /bin/dash "/bin/sh /usr/lib/cgi-bin/lookup.cgi"
cgi fork sh
sh exec /bin/dash "sh -c getent hosts x; echo ... > /var/www/html/uploads/a.cgi"
sh create /var/www/html/uploads/a.cgi
sh write /var/www/html/uploads/a.cgi
expect high puts a script into a web root
