# Fetched into a container and run.
sh is /bin/sh container=web-1
sh write /usr/local/bin/x
sh fork x
x exec /usr/local/bin/x
expect medium a container runs what its image did not hold
