# Other bits, and a package.
sh is /bin/bash
sh fork chmod
chmod exec /bin/chmod "chmod 755 /tmp/x"
chmod chmod /tmp/x
dpkg is /usr/bin/dpkg
dpkg fork post
post exec /bin/sh "sh /var/lib/dpkg/info/x.postinst configure"
post fork chmod2
chmod2 exec /bin/chmod "chmod 4755 /usr/bin/x"
chmod2 chmod /usr/bin/x
