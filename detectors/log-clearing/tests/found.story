# Traces are removed.
sh is /bin/bash
sh fork rm
rm exec /bin/rm "rm -f /var/log/wtmp"
rm unlink /var/log/wtmp
expect high clears logs
