# First a plain mode, then the bit: the second repeats an edge of the graph, and says what the first did not.
sh is /bin/bash
sh fork chmod
chmod exec /bin/chmod "chmod -R --reference=/opt/x /opt/y"
chmod chmod /usr/local/bin/y 0755
chmod chmod /usr/local/bin/y 4755
expect medium sets the set-user-id bit of a program
