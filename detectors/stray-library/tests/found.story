# A profile makes every program load it.
sh is /bin/bash uid=1000
sh fork ld
ld exec /usr/bin/ld "ld -shared -o /home/a/.cache/lib.so"
ld write /home/a/.cache/lib.so
sh fork tail
tail exec /usr/bin/tail "tail notes"
tail map-executable /home/a/.cache/lib.so
expect medium loads a library from where anybody may write
