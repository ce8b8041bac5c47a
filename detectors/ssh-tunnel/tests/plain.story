# Somebody works on another machine.
sh is /bin/bash uid=1000
sh fork ssh
ssh exec /usr/bin/ssh "ssh -p 2222 a@203.0.113.9"
