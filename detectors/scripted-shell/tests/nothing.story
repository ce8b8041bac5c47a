# Fetched into a file.
sh is /bin/bash uid=1000
sh fork x
x exec /usr/bin/curl "curl -o x https://example.org/x"
# Fetched, looked through, and a shell in another part of the line.
sh fork y
y exec /bin/bash "bash -c runc list; curl -s http://engine/containers | grep name; ls /usr/share"
