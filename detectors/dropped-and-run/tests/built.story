# A compiler's output is run.
sh is /bin/bash uid=1000
sh fork ld
ld exec /usr/bin/ld "ld -o a.out"
ld write /home/a/a.out
sh fork run
run exec /home/a/a.out
