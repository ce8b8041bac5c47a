# A script reads what was fetched as data, and a shell reads the output of something else.
sh is /bin/bash uid=1000
sh fork curl
curl exec /usr/bin/curl "curl -s http://203.0.113.9/data.json"
sh fork py
py exec /usr/bin/python3.11 "python3 count.py"
curl write pipe:1
py read pipe:1
sh fork ls
ls exec /usr/bin/ls
ls write pipe:2
sh read pipe:2
