# Checks that a service runs again and again: each is told, since nothing learns that it is a habit.
checks is /usr/sbin/checkd
checks accept tcp:10.0.0.1:5666>10.0.0.2:5000
checks fork a
a exec /bin/dash "sh -c df"
checks fork b
b exec /bin/dash "sh -c uptime"
checks fork c
c exec /bin/dash "sh -c free"
checks fork d
d exec /bin/dash "sh -c w"
checks fork e
e exec /bin/dash "sh -c df"
expect medium a shell under a network service
