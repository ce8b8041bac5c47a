# Removed before it is run.
sh is /bin/sh
sh write /tmp/x
sh unlink /tmp/x
sh fork x
x exec /tmp/x
expect high runs code without a file
