# Nobody is served.
cron is /usr/sbin/cron
cron fork job
job exec /bin/sh "sh -c run-parts"
