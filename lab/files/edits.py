"""People edit documents: FOLDER SEED. At most 2,000 edits."""
import os, random, subprocess, sys, time

folder, chance = sys.argv[1], random.Random(int(sys.argv[2]))
pace = int(os.environ.get("PACE", 1))
for n in range(2000):
    files = [os.path.join(at, name) for at, _, names in os.walk(folder) for name in names if name.endswith(".txt")]
    if not files:
        break
    file = chance.choice(files)
    with open(file) as document:
        text = document.read()
    if chance.random() < 0.6:
        with open(file + "~", "w") as document:
            document.write(text + f"line {n}\n")
        os.replace(file + "~", file)
    elif chance.random() < 0.3:
        subprocess.run(["openssl", "dgst", "-sha256", file], stdout=subprocess.DEVNULL)
    elif chance.random() < 0.3:
        subprocess.run(["gzip", "-kf", file])
        os.remove(file + ".gz")
    time.sleep(chance.expovariate(3) * pace)
