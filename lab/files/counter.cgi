#!/bin/sh
# Counts visitors.
n=$(cat /var/lib/counter/count)
echo $((n + 1)) > /var/lib/counter/count.new && mv /var/lib/counter/count.new /var/lib/counter/count
echo "Content-type: text/plain"
echo
echo "Visitor $n"
