"""A worker that does a little and fails: SEED PACE."""
import os, random, sys, time

chance = random.Random(int(sys.argv[1]) + time.time_ns())
for n in range(chance.randrange(3, 12)):
    with open("/tmp/state", "a") as state:
        state.write(f"{n}\n")
    names = sorted(os.listdir("/var/log"))
    with open("/var/log/" + chance.choice([name for name in names if name.endswith(".log")] or names)) as log:
        log.read(4096)
    time.sleep(chance.random() * int(sys.argv[2]))
sys.exit("out of work")
