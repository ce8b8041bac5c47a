# A copy of a shell that runs as root.
sh is /bin/bash
sh fork cp
cp exec /bin/cp "cp /bin/bash /var/tmp/.b"
cp write /var/tmp/.b
sh fork chmod
chmod exec /bin/chmod "chmod 4755 /var/tmp/.b"
chmod chmod /var/tmp/.b
expect critical sets the set-user-id bit of a program
