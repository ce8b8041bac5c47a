# Four files, and many that are only hashed.
sh is /bin/bash uid=1000
sh fork e0
e0 exec /usr/bin/openssl "openssl enc -aes-256-ctr -in 0 -out 0.enc"
sh fork e1
e1 exec /usr/bin/openssl "openssl enc -aes-256-ctr -in 1 -out 1.enc"
sh fork e2
e2 exec /usr/bin/openssl "openssl enc -aes-256-ctr -in 2 -out 2.enc"
sh fork e3
e3 exec /usr/bin/openssl "openssl enc -aes-256-ctr -in 3 -out 3.enc"
sh fork h0
h0 exec /usr/bin/openssl "openssl dgst -sha256 0"
sh fork h1
h1 exec /usr/bin/openssl "openssl dgst -sha256 1"
sh fork h2
h2 exec /usr/bin/openssl "openssl dgst -sha256 2"
sh fork h3
h3 exec /usr/bin/openssl "openssl dgst -sha256 3"
sh fork h4
h4 exec /usr/bin/openssl "openssl dgst -sha256 4"
sh fork h5
h5 exec /usr/bin/openssl "openssl dgst -sha256 5"
