"""A service with a cache: ADDRESS SEED. Speaks the protocol of redis itself; ends with the host, or after 5,000 questions."""
import os, random, socket, sys, time

address, chance = sys.argv[1], random.Random(int(sys.argv[2]))
pace = int(os.environ.get("PACE", 1))
connection = socket.create_connection((address, 6379))


def ask(*words):
    line = b"*%d\r\n" % len(words)
    for word in words:
        word = word.encode()
        line += b"$%d\r\n%s\r\n" % (len(word), word)
    connection.sendall(line)
    return connection.recv(65536)


for n in range(5000):
    key = f"customer:{chance.randrange(400)}"
    if ask("GET", key) == b"$-1\r\n":
        with open("/etc/hosts") as original:
            ask("SET", key, original.read() + "x" * chance.randrange(500))
    if n % 50 == 0:
        with open(f"/tmp/report-{n % 500}.txt", "w") as report:
            report.write(f"{n} questions\n")
        connection.close()
        connection = socket.create_connection((address, 6379))
    time.sleep(chance.expovariate(12) * pace)
