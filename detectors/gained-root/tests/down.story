# A service gives its rights up.
x is /usr/sbin/nginx uid=0
x open /etc/nginx/nginx.conf
x change-credentials 33
