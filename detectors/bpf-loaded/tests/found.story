# By something in a container.
x is /app/x container=web-1
x bpf-load
expect high loads a BPF program
