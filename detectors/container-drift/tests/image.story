# A program of the image, and one written outside of containers.
sh is /bin/sh container=web-1
sh fork ls
ls exec /bin/ls
host is /bin/bash
host write /usr/local/bin/y
host fork y
y exec /usr/local/bin/y
