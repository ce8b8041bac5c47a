# The kernel is to run a program of the container.
sh is /bin/sh container=web-1
sh write /sys/fs/cgroup/rdma/release_agent
expect critical a container reaches for its host
