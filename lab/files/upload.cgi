#!/bin/sh
# Takes a file: POST ?NAME. It has a hole: the name may be one that nginx runs.
name=$(basename "$(busybox httpd -d "$QUERY_STRING")")
head -c "${CONTENT_LENGTH:-0}" > "/var/www/html/uploads/$name"
chmod 755 "/var/www/html/uploads/$name"
echo "Content-type: text/plain"
echo
echo "Thank you for $name"
