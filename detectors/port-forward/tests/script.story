# A script does it.
py is /usr/bin/python3.11 cmd="python3 p.py" uid=1000
py accept tcp:10.0.0.1:8443>203.0.113.9:5000
py connect tcp:10.0.0.1:40000>10.0.0.9:22
expect low passes connections on to another machine
