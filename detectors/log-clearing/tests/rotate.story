# Logs are rotated, and a shell keeps its history short.
cron is /usr/sbin/cron
cron fork lr
lr exec /usr/sbin/logrotate "logrotate /etc/logrotate.conf"
lr rename /var/log/syslog /var/log/syslog.1
sh is /bin/bash
sh truncate /root/.bash_history
