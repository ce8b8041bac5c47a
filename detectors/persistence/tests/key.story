# A service's child leaves a key.
web is /usr/sbin/nginx
web accept tcp:10.0.0.1:80>203.0.113.9:5000
web fork sh
sh exec /bin/sh "sh -c x"
sh write /root/.ssh/authorized_keys
expect high changes what is started again
