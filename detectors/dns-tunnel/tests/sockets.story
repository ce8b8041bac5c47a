# Each question goes out by a socket of its own.
iod is /home/a/iodine uid=1000
iod send udp:10.0.0.1:40001>203.0.113.9:53 bytes=230
iod send udp:10.0.0.1:40002>203.0.113.9:53 bytes=230
iod send udp:10.0.0.1:40003>203.0.113.9:53 bytes=230
iod send udp:10.0.0.1:40004>203.0.113.9:53 bytes=230
iod send udp:10.0.0.1:40005>203.0.113.9:53 bytes=230
iod send udp:10.0.0.1:40006>203.0.113.9:53 bytes=230
iod send udp:10.0.0.1:40007>203.0.113.9:53 bytes=230
iod send udp:10.0.0.1:40008>203.0.113.9:53 bytes=230
iod send udp:10.0.0.1:40009>203.0.113.9:53 bytes=230
iod send udp:10.0.0.1:40010>203.0.113.9:53 bytes=230
iod send udp:10.0.0.1:40011>203.0.113.9:53 bytes=230
iod send udp:10.0.0.1:40012>203.0.113.9:53 bytes=230
iod send udp:10.0.0.1:40013>203.0.113.9:53 bytes=230
iod send udp:10.0.0.1:40014>203.0.113.9:53 bytes=230
iod send udp:10.0.0.1:40015>203.0.113.9:53 bytes=230
iod send udp:10.0.0.1:40016>203.0.113.9:53 bytes=230
iod send udp:10.0.0.1:40017>203.0.113.9:53 bytes=230
iod send udp:10.0.0.1:40018>203.0.113.9:53 bytes=230
iod send udp:10.0.0.1:40019>203.0.113.9:53 bytes=230
iod send udp:10.0.0.1:40020>203.0.113.9:53 bytes=230
iod send udp:10.0.0.1:40021>203.0.113.9:53 bytes=230
iod send udp:10.0.0.1:40022>203.0.113.9:53 bytes=230
iod send udp:10.0.0.1:40023>203.0.113.9:53 bytes=230
iod send udp:10.0.0.1:40024>203.0.113.9:53 bytes=230
expect high asks a name server as if to move data
