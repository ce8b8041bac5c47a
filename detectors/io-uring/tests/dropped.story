# A program out of /tmp.
sh is /bin/bash uid=1000
sh fork x
x exec /tmp/x
x io_uring
expect high uses io_uring and is not known to
