# A script of one's own.
sh is /bin/bash uid=1000
sh fork vi
vi exec /usr/bin/vi "vi /tmp/x"
vi write /tmp/x
sh fork chmod
chmod exec /bin/chmod "chmod +x /tmp/x"
chmod chmod /tmp/x
