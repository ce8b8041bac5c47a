# An archive that was fetched is read.
sh is /bin/bash uid=1000
sh fork wget
wget exec /usr/bin/wget "wget x.tgz"
wget write /tmp/x.tgz
sh fork rsync
rsync exec /usr/bin/rsync "rsync /tmp/x.tgz host:"
rsync open /tmp/x.tgz
