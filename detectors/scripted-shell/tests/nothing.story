# Fetched into a file.
sh is /bin/bash uid=1000
sh fork x
x exec /usr/bin/curl "curl -o x https://example.org/x"
