# Now, and in a build.
sh is /bin/bash uid=1000
sh fork touch
touch exec /usr/bin/touch "touch stamp"
make is /usr/bin/make uid=1000
make fork sh2
sh2 exec /bin/sh "sh -c touch -r a b"
sh2 fork touch2
touch2 exec /usr/bin/touch "touch -r a b"
