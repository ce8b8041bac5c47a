# Data that was fetched is read by a script of one's own.
sh is /bin/bash uid=1000
sh fork curl
curl exec /usr/bin/curl "curl -o /home/a/data.csv http://203.0.113.9/data"
curl write /home/a/data.csv
sh fork py
py exec /usr/bin/python3 "python3 /home/a/work.py"
py open /home/a/work.py
py open /home/a/data.csv
