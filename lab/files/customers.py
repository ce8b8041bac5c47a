"""Customers of a shop: ADDRESS SEED. At most 3,000 requests."""
import os, random, sys, time, urllib.error, urllib.request

address, chance = sys.argv[1], random.Random(int(sys.argv[2]))
pace = int(os.environ.get("PACE", 1))
for n in range(3000):
    what, data = chance.random(), None
    if what < 0.6:
        path = f"/index.php?page={chance.randrange(20)}"
    elif what < 0.85:
        path = "/search.php?q=" + chance.choice(["lamp", "chair", "table", "red", "blue", "no%20such"])
    else:
        path, data = "/order.php", f"goods={chance.randrange(200)}".encode()
    try:
        urllib.request.urlopen(f"http://{address}{path}", data, timeout=10).read()
    except (urllib.error.URLError, OSError):
        pass
    time.sleep(chance.expovariate(3) * pace)
