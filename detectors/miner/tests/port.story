# By its port alone.
x is /tmp/kworker uid=1000
x connect tcp:10.0.0.1:40000>203.0.113.9:3333
expect medium mines, as it seems
