# A container asks the runtime.
sh is /usr/bin/curl container=web-1
sh connect unix:/var/run/docker.sock
expect high a container reaches for its host
