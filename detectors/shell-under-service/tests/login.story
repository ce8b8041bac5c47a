# Someone logs in.
sshd is /usr/sbin/sshd
sshd accept tcp:10.0.0.1:22>10.0.0.9:5000
sshd fork session
session fork sh
sh exec /bin/bash -bash
