# A program's own call: what a helper wrote is made to look a year old.
sh is /bin/bash
sh fork cp
cp exec /bin/cp "cp /tmp/x /usr/bin/syslogd"
cp write /usr/bin/syslogd
sh fork perl
perl exec /usr/bin/perl "perl fix.pl"
perl set-times /usr/bin/syslogd 400d
expect high sets a file's times
