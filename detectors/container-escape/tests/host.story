# A person of the host does.
sh is /usr/bin/docker uid=0
sh connect unix:/var/run/docker.sock
sh write /proc/sys/kernel/core_pattern
