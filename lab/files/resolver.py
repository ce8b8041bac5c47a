"""Answers questions for names: those of KNOWN have the address 10.20.0.9, others are said not to be. Takes UDP on port 53."""
import socket, sys

known = set(sys.argv[1].split(","))
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("", 53))
while True:
    question, asker = server.recvfrom(512)
    labels, at = [], 12
    while at < len(question) and question[at]:
        labels.append(question[at + 1 : at + 1 + question[at]].decode("latin-1"))
        at += 1 + question[at]
    # RFC 1035, 4.1: the question is repeated; an address is told for type A only.
    body, kind = question[12 : at + 5], question[at + 1 : at + 3]
    found = ".".join(labels) in known
    answer = b"\xc0\x0c\0\x01\0\x01\0\0\x0e\x10\0\x04" + bytes([10, 20, 0, 9]) if found and kind == b"\0\x01" else b""
    head = question[:2] + (b"\x81\x80" if found else b"\x81\x83") + b"\0\x01" + (b"\0\x01" if answer else b"\0\0") + b"\0\0\0\0"
    server.sendto(head + body + answer, asker)
