# Pictures are uploaded, and a person deploys.
php is /usr/sbin/php-fpm8.2 uid=33
php fork worker
worker create /var/www/html/uploads/a.png
sh is /bin/bash uid=1000
sh fork cp
cp exec /bin/cp "cp a.php /var/www/html"
cp create /var/www/html/a.php
