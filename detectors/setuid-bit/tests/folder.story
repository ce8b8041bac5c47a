# A folder hands on its group; a file that had the bit has it; another bit of a file; what the command line says is not what is set.
sh is /bin/bash
sh fork chmod
chmod exec /bin/chmod "chmod -R 2775 /srv/share"
chmod chmod folder:/srv/share 2775
chmod chmod folder:/srv/share/a 6775
chmod chmod /srv/share/file 0775
chmod chmod /srv/share/other 1777
