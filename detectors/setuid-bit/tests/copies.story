# A copy that keeps modes is told, and alone it is nothing; what unpacks images is not meant, nor are packages.
sh is /bin/bash
sh fork cp
cp exec /bin/cp "cp -a /usr/bin /backup"
cp write /backup/bin/su
cp chmod /backup/bin/su 4755
expect low sets the set-user-id bit of a program
containerd is /usr/bin/containerd
containerd write /var/lib/containerd/fs/7/bin/su
containerd chmod /var/lib/containerd/fs/7/bin/su 4755
dpkg is /usr/bin/dpkg
dpkg write /usr/bin/su
dpkg chmod /usr/bin/su 4755
