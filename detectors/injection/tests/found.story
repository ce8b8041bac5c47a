# A stranger takes over a process.
agent is /usr/bin/ssh-agent uid=1000
sh is /bin/bash uid=1000
sh fork x
x exec /home/a/x
x ptrace agent
expect medium reaches into another process
