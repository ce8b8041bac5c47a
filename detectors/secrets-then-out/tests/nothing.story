# Somebody logs in with a key, and long after that fetches something.
sh is /bin/bash uid=1000
sh fork ssh
ssh exec /usr/bin/ssh "ssh files"
ssh read /home/a/.ssh/id_ed25519
ssh connect tcp:10.0.0.1:40000>10.0.0.9:22
sh fork cat
cat exec /bin/cat "cat .netrc"
cat read /home/a/.netrc
wait 1200s
sh fork curl
curl exec /usr/bin/curl "curl http://203.0.113.9"
curl connect tcp:10.0.0.1:40001>203.0.113.9:80
