# Shells and their like keep their own to size.
sh is /bin/bash uid=1000
sh truncate /home/a/.bash_history
sh rename /home/a/.bash_history-00123.tmp /home/a/.bash_history
vi is /usr/bin/vim uid=1000
vi unlink /home/a/.viminfo
