# What broke into a service finds a key and goes on.
web is /usr/sbin/nginx
web accept tcp:10.0.0.1:80>203.0.113.9:5000
web fork sh
sh exec /bin/sh "sh -i"
sh fork ssh
ssh exec /usr/bin/ssh "ssh -i /home/a/.ssh/id_rsa b@10.0.0.2"
ssh open /home/a/.ssh/id_rsa
ssh connect tcp:10.0.0.1:40000>10.0.0.2:22
expect high goes on by ssh with a key it came upon
