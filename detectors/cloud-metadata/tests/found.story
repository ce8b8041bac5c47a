# By hand.
sh is /bin/bash uid=1000
sh fork curl
curl exec /usr/bin/curl "curl http://169.254.169.254/latest/meta-data/"
curl connect tcp:10.0.0.1:40000>169.254.169.254:80
expect medium asks the cloud's metadata service
