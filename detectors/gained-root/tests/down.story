# A service gives its rights up.
x is /usr/sbin/nginx uid=0
x open /etc/nginx/nginx.conf
x change-credentials 33
# A program that is made to.
sudo is /usr/bin/sudo uid=1000
sudo open /etc/sudoers
sudo change-credentials 0
