# A loop over documents.
sh is /bin/bash uid=1000
sh fork e0
e0 exec /usr/bin/openssl "openssl enc -aes-256-ctr -in 0 -out 0.enc"
sh fork e1
e1 exec /usr/bin/openssl "openssl enc -aes-256-ctr -in 1 -out 1.enc"
sh fork e2
e2 exec /usr/bin/openssl "openssl enc -aes-256-ctr -in 2 -out 2.enc"
sh fork e3
e3 exec /usr/bin/openssl "openssl enc -aes-256-ctr -in 3 -out 3.enc"
sh fork e4
e4 exec /usr/bin/openssl "openssl enc -aes-256-ctr -in 4 -out 4.enc"
expect high encrypts file after file
