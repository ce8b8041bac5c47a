# A tool that never did.
sh is /bin/bash uid=1000
sh fork cat
cat exec /usr/bin/cat "cat /etc/shadow"
cat io_uring
expect medium uses io_uring and is not known to
