# An upload is run as a script.
web is /usr/sbin/apache2
web accept tcp:10.0.0.1:80>203.0.113.9:5000
web write /var/www/html/up.php
web fork php
php exec /usr/bin/php8.2 "php up.php"
php open /var/www/html/up.php
expect high executes what was written into a web root
