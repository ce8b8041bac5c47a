# An exploit of the kernel.
x is /home/a/x uid=1000
x open /proc/kallsyms
x change-credentials 0
expect critical became root without a way to
