# Logs are rotated.
cron is /usr/sbin/cron
cron fork lr
lr exec /usr/sbin/logrotate "logrotate /etc/logrotate.conf"
lr rename /var/log/syslog /var/log/syslog.1
