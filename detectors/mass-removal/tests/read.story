# Each is read by its kin before.
sh is /bin/bash uid=1000
sh fork e0
e0 exec /usr/bin/x
e0 open /srv/documents/0.txt
sh fork r0
r0 exec /bin/rm "rm 0"
r0 unlink /srv/documents/0.txt
sh fork e1
e1 exec /usr/bin/x
e1 open /srv/documents/1.txt
sh fork r1
r1 exec /bin/rm "rm 1"
r1 unlink /srv/documents/1.txt
sh fork e2
e2 exec /usr/bin/x
e2 open /srv/documents/2.txt
sh fork r2
r2 exec /bin/rm "rm 2"
r2 unlink /srv/documents/2.txt
sh fork e3
e3 exec /usr/bin/x
e3 open /srv/documents/3.txt
sh fork r3
r3 exec /bin/rm "rm 3"
r3 unlink /srv/documents/3.txt
sh fork e4
e4 exec /usr/bin/x
e4 open /srv/documents/4.txt
sh fork r4
r4 exec /bin/rm "rm 4"
r4 unlink /srv/documents/4.txt
sh fork e5
e5 exec /usr/bin/x
e5 open /srv/documents/5.txt
sh fork r5
r5 exec /bin/rm "rm 5"
r5 unlink /srv/documents/5.txt
sh fork e6
e6 exec /usr/bin/x
e6 open /srv/documents/6.txt
sh fork r6
r6 exec /bin/rm "rm 6"
r6 unlink /srv/documents/6.txt
sh fork e7
e7 exec /usr/bin/x
e7 open /srv/documents/7.txt
sh fork r7
r7 exec /bin/rm "rm 7"
r7 unlink /srv/documents/7.txt
expect high removes files of others one by one
