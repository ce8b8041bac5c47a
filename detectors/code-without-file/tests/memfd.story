# A loader keeps its payload in memory.
py is /usr/bin/python3 uid=33
py memfd memfd:x
py write memfd:x
py fork x
x exec memfd:x
expect high runs code without a file
