# A page below a web server makes what it wrote as old as the rest.
nginx is /usr/sbin/nginx
nginx accept tcp:10.0.0.1:80>203.0.113.9:4000
nginx fork php
php exec /usr/bin/php-cgi "php-cgi up.php"
php write /var/www/html/.cache.php
php set-times /var/www/html/.cache.php 90d
expect medium sets a file's times
