# By what is known for it.
x is /usr/sbin/bpftool
x bpf-load
# A runtime that is in the container's group already.
runc is /usr/sbin/runc cmd="runc run one" container=one
runc bpf-load
