# An administrator installs one.
sh is /bin/bash
sh fork chmod
chmod exec /bin/chmod "chmod u+s /usr/local/bin/ping6"
chmod chmod /usr/local/bin/ping6
expect medium sets the set-user-id bit of a program
