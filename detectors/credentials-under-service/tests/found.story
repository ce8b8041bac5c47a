# What a visitor started reads the password hashes.
web is /usr/sbin/apache2
web accept tcp:10.0.0.1:80>203.0.113.9:5000
web fork sh
sh exec /bin/sh "sh -c cat"
sh fork cat
cat exec /bin/cat "cat /etc/shadow"
cat open /etc/shadow
expect high credentials read under a network service
