# A package brings its job.
apt is /usr/bin/apt-get
apt fork dpkg
dpkg exec /usr/bin/dpkg "dpkg -i x.deb"
dpkg rename /etc/cron.d/x.dpkg-new /etc/cron.d/x
dpkg fork post
post exec /bin/sh "sh x.postinst"
post create /etc/systemd/system/x.service
