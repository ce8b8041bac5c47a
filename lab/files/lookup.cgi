#!/bin/sh
# Looks up the address of a host: ?host=NAME. It has a hole: the name is given to a shell.
host=$(busybox httpd -d "${QUERY_STRING#host=}")
echo "Content-type: text/plain"
echo
sh -c "getent hosts $host" 2>&1
