# By its command line.
sh is /bin/bash uid=1000
sh fork x
x exec /tmp/kworker "kworker -o stratum+tcp://pool.example:3333"
expect high mines, as it seems
