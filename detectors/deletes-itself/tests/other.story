# Another's file.
sh is /bin/bash
sh fork rm
rm exec /bin/rm "rm /tmp/y"
rm unlink /tmp/y
