# What is fetched goes nowhere.
cron is /usr/sbin/cron
cron fork curl
curl exec /usr/bin/curl "curl -s http://203.0.113.9/"
curl write /dev/null
cron fork sh
sh exec /bin/bash "bash -c curl -s http://203.0.113.9/ > /dev/null &"
sh open /dev/null
