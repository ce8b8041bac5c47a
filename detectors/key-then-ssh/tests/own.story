# A person's own key.
sh is /bin/bash uid=1000
sh fork ssh
ssh exec /usr/bin/ssh "ssh b@10.0.0.2"
ssh open /home/a/.ssh/id_rsa
ssh connect tcp:10.0.0.1:40000>10.0.0.2:22
