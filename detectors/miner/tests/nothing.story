# A database on such a port.
x is /usr/bin/psql uid=1000
x connect tcp:10.0.0.1:40000>10.0.0.9:3333
