# By what is known for it.
x is /usr/sbin/bpftool
x bpf-load
