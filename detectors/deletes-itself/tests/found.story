# It runs, and its file goes.
sh is /bin/bash
sh fork x
x exec /tmp/x
x unlink /tmp/x
expect medium removes its own executable
