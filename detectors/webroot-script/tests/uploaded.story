# An application takes an upload that is a script.
php is /usr/sbin/php-fpm8.2 uid=33
php fork worker
worker create /var/www/html/uploads/a.php
expect medium puts a script into a web root
