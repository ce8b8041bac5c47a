# The manager itself fetches packages.
apt is /usr/bin/apt-get
apt fork http
http exec /usr/lib/apt/methods/http
http connect tcp:10.0.0.1:40000>203.0.113.9:80
