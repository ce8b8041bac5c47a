# Somebody leaves.
sh is /bin/bash uid=1000
sh fork rm
rm exec /bin/rm "rm -f /home/a/.bash_history"
rm unlink /home/a/.bash_history
expect high removes a history
