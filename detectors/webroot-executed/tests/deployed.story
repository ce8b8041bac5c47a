# What an administrator copied there is run.
sh is /bin/bash
sh fork cp
cp exec /bin/cp "cp a.php /var/www/html"
cp write /var/www/html/a.php
web is /usr/sbin/apache2
web accept tcp:10.0.0.1:80>203.0.113.9:5000
web fork php
php exec /usr/bin/php8.2 "php a.php"
php open /var/www/html/a.php
