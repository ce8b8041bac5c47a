"""Documents are replaced by what only a key makes readable again: FOLDER COUNT SEED."""
import hashlib, os, random, sys, time

folder, count, chance = sys.argv[1], int(sys.argv[2]), random.Random(int(sys.argv[3]))
key = os.urandom(32)
files = sorted(os.path.join(at, name) for at, _, names in os.walk(folder) for name in names if name.endswith(".txt"))
for file in chance.sample(files, min(count, len(files))):
    with open(file, "rb") as document:
        text = document.read()
    stream = b"".join(hashlib.sha256(key + bytes([n // 256, n % 256])).digest() for n in range(len(text) // 32 + 1))
    with open(file + ".new", "wb") as document:
        document.write(bytes(a ^ b for a, b in zip(text, stream)))
    os.replace(file + ".new", file)
    time.sleep(chance.expovariate(3))
print("done")
