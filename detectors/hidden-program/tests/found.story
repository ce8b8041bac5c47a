# A copy of a shell, put out of sight.
sh is /bin/bash uid=1000
sh fork x
x exec /var/tmp/.x "/var/tmp/.x -p"
expect medium runs a hidden program
