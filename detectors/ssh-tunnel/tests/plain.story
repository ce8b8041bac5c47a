# Somebody works on another machine.
sh is /bin/bash uid=1000
sh fork ssh
ssh exec /usr/bin/ssh "ssh -p 2222 a@203.0.113.9"
# The other machine's command has options of its own.
sh fork ssh2
ssh2 exec /usr/bin/ssh "ssh -i /root/.ssh/backup -o LogLevel=ERROR -l root files rsync --server --sender -logDtpr . /home"
