# Somebody begins.
sshd is /usr/sbin/sshd
sshd fork sh
sh exec /bin/bash "bash -c unset HISTFILE; id"
expect medium turns a history off
