# What had the bit before has it still, also by way of another mode that keeps it. A change of owner takes it.
dpkg is /usr/bin/dpkg
dpkg chmod /usr/bin/su 4755
dpkg chmod /usr/bin/passwd 4755
sh is /bin/bash
sh fork chmod
chmod exec /bin/chmod "chmod 4711 /usr/bin/su"
chmod chmod /usr/bin/su 4711
sh chown /usr/bin/passwd
sh fork again
again exec /bin/chmod "chmod 4755 /usr/bin/passwd"
again chmod /usr/bin/passwd 4755
expect medium sets the set-user-id bit of a program
