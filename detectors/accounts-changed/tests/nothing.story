# As it should be done.
sh is /bin/bash
sh fork add
add exec /usr/sbin/useradd "useradd a"
add rename /etc/passwd+ /etc/passwd
