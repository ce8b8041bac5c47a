# A program is dropped and made to look old.
sh is /bin/bash
sh fork cp
cp exec /bin/cp "cp /tmp/x /usr/bin/syslogd"
cp write /usr/bin/syslogd
sh fork touch
touch exec /usr/bin/touch "touch -r /usr/bin/ls /usr/bin/syslogd"
expect high sets a file's times
