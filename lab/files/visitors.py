"""Visitors of a web site: ADDRESS SEED. Ends with the host, or after 4,000 requests."""
import os, random, sys, time, urllib.error, urllib.parse, urllib.request

address, chance = sys.argv[1], random.Random(int(sys.argv[2]))
pace = int(os.environ.get("PACE", 1))
for n in range(4000):
    what, data = chance.random(), None
    if what < 0.55:
        path = f"/page-{chance.randrange(14)}.html"
    elif what < 0.75:
        path = "/cgi-bin/counter.cgi"
    elif what < 0.92:
        path = "/cgi-bin/lookup.cgi?host=" + chance.choice(["localhost", "web-1", "ip6-localhost", "nowhere", "attacker"])
    else:
        path, data = f"/cgi-bin/upload.cgi?picture-{chance.randrange(30)}.png", chance.randbytes(chance.randrange(200, 20000))
    try:
        urllib.request.urlopen(f"http://{address}{path}", data, timeout=10).read()
    except (urllib.error.URLError, OSError):
        pass
    time.sleep(chance.expovariate(4) * pace)
