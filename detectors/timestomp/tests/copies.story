# Archives, copies, rotations and whoever sets the times of what it wrote itself, also a folder's.
sh is /bin/bash
sh fork tar
tar exec /bin/tar "tar xf site.tar"
tar write /var/www/html/index.html
tar set-times /var/www/html/index.html 300d
tar set-times folder:/var/www/html 300d
sh fork app
app exec /usr/bin/darktable "darktable"
app write /home/a/photo.jpg
app set-times /home/a/photo.jpg 3000d
logrotate is /usr/sbin/logrotate
logrotate fork gzip
gzip exec /bin/gzip "gzip"
gzip write /var/log/app.log.2.gz
logrotate set-times /var/log/app.log.2.gz 7d
apt is /usr/bin/apt
apt fork dpkg
dpkg exec /usr/bin/dpkg "dpkg -i x.deb"
dpkg write /usr/bin/x
dpkg set-times /usr/bin/x 60d
