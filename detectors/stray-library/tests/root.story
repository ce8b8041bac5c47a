# The same for root.
sh is /bin/bash
sh fork ls
ls exec /usr/bin/ls
ls map-executable /tmp/.x.so
expect high loads a library from where anybody may write
