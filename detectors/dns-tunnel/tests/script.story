# A script has a tool of the system ask.
sh is /bin/bash uid=1000
sh fork h1
h1 exec /usr/bin/nslookup "nslookup data1.example.org"
h1 send udp:10.0.0.1:40001>203.0.113.9:53 bytes=180
sh fork h2
h2 exec /usr/bin/nslookup "nslookup data2.example.org"
h2 send udp:10.0.0.1:40002>203.0.113.9:53 bytes=180
sh fork h3
h3 exec /usr/bin/nslookup "nslookup data3.example.org"
h3 send udp:10.0.0.1:40003>203.0.113.9:53 bytes=180
sh fork h4
h4 exec /usr/bin/nslookup "nslookup data4.example.org"
h4 send udp:10.0.0.1:40004>203.0.113.9:53 bytes=180
sh fork h5
h5 exec /usr/bin/nslookup "nslookup data5.example.org"
h5 send udp:10.0.0.1:40005>203.0.113.9:53 bytes=180
sh fork h6
h6 exec /usr/bin/nslookup "nslookup data6.example.org"
h6 send udp:10.0.0.1:40006>203.0.113.9:53 bytes=180
sh fork h7
h7 exec /usr/bin/nslookup "nslookup data7.example.org"
h7 send udp:10.0.0.1:40007>203.0.113.9:53 bytes=180
sh fork h8
h8 exec /usr/bin/nslookup "nslookup data8.example.org"
h8 send udp:10.0.0.1:40008>203.0.113.9:53 bytes=180
sh fork h9
h9 exec /usr/bin/nslookup "nslookup data9.example.org"
h9 send udp:10.0.0.1:40009>203.0.113.9:53 bytes=180
sh fork h10
h10 exec /usr/bin/nslookup "nslookup data10.example.org"
h10 send udp:10.0.0.1:40010>203.0.113.9:53 bytes=180
sh fork h11
h11 exec /usr/bin/nslookup "nslookup data11.example.org"
h11 send udp:10.0.0.1:40011>203.0.113.9:53 bytes=180
sh fork h12
h12 exec /usr/bin/nslookup "nslookup data12.example.org"
h12 send udp:10.0.0.1:40012>203.0.113.9:53 bytes=180
sh fork h13
h13 exec /usr/bin/nslookup "nslookup data13.example.org"
h13 send udp:10.0.0.1:40013>203.0.113.9:53 bytes=180
sh fork h14
h14 exec /usr/bin/nslookup "nslookup data14.example.org"
h14 send udp:10.0.0.1:40014>203.0.113.9:53 bytes=180
sh fork h15
h15 exec /usr/bin/nslookup "nslookup data15.example.org"
h15 send udp:10.0.0.1:40015>203.0.113.9:53 bytes=180
sh fork h16
h16 exec /usr/bin/nslookup "nslookup data16.example.org"
h16 send udp:10.0.0.1:40016>203.0.113.9:53 bytes=180
sh fork h17
h17 exec /usr/bin/nslookup "nslookup data17.example.org"
h17 send udp:10.0.0.1:40017>203.0.113.9:53 bytes=180
sh fork h18
h18 exec /usr/bin/nslookup "nslookup data18.example.org"
h18 send udp:10.0.0.1:40018>203.0.113.9:53 bytes=180
sh fork h19
h19 exec /usr/bin/nslookup "nslookup data19.example.org"
h19 send udp:10.0.0.1:40019>203.0.113.9:53 bytes=180
sh fork h20
h20 exec /usr/bin/nslookup "nslookup data20.example.org"
h20 send udp:10.0.0.1:40020>203.0.113.9:53 bytes=180
sh fork h21
h21 exec /usr/bin/nslookup "nslookup data21.example.org"
h21 send udp:10.0.0.1:40021>203.0.113.9:53 bytes=180
sh fork h22
h22 exec /usr/bin/nslookup "nslookup data22.example.org"
h22 send udp:10.0.0.1:40022>203.0.113.9:53 bytes=180
sh fork h23
h23 exec /usr/bin/nslookup "nslookup data23.example.org"
h23 send udp:10.0.0.1:40023>203.0.113.9:53 bytes=180
sh fork h24
h24 exec /usr/bin/nslookup "nslookup data24.example.org"
h24 send udp:10.0.0.1:40024>203.0.113.9:53 bytes=180
expect medium asks a name server as if to move data
