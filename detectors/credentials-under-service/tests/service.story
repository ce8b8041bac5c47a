# The service reads its own key before it serves, and a login reads hashes.
sshd is /usr/sbin/sshd
sshd read /etc/ssh/ssh_host_ed25519_key
sshd accept tcp:10.0.0.1:22>10.0.0.9:5000
sshd fork session
session open /etc/shadow
