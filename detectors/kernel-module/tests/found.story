# From a folder that modules do not lie in.
sh is /bin/bash
sh fork insmod
insmod exec /sbin/insmod "insmod /tmp/x.ko"
insmod module-load /tmp/x.ko
expect high loads a kernel module
