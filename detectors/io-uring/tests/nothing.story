# A database does.
pg is /usr/lib/postgresql/18/bin/postgres uid=26
pg io_uring
