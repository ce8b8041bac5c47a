# Traces are removed.
sh is /bin/bash
sh fork rm
rm exec /bin/rm "rm -f /var/log/wtmp"
rm unlink /var/log/wtmp
sh fork rm2
rm2 exec /bin/rm "rm /root/.bash_history"
rm2 unlink /root/.bash_history
expect high clears logs or history
