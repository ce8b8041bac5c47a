# A file of the system that somebody else wrote.
sh is /bin/bash
sh fork touch
touch exec /usr/bin/touch "touch -d 2019-01-01 /etc/passwd"
expect medium sets a file's times
