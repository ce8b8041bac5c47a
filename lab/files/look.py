"""People look at a status service: ADDRESS PORT NAMES SEED. At most 3,000 requests."""
import os, random, sys, time, urllib.error, urllib.request

address, port, names, chance = sys.argv[1], sys.argv[2], sys.argv[3].split(","), random.Random(int(sys.argv[4]))
pace = int(os.environ.get("PACE", 1))
for n in range(3000):
    path = chance.choice(["/", "/list", "/tail?" + chance.choice(names)])
    try:
        urllib.request.urlopen(f"http://{address}:{port}{path}", timeout=10).read()
    except (urllib.error.URLError, OSError):
        pass
    time.sleep(chance.expovariate(1.5) * pace)
