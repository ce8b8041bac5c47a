"""A container engine: asked by HTTP over SOCKET, it runs containers by runc, all of one IMAGE. At most 64 of them.

GET /containers; POST /containers {"name", "command", "user", "binds": ["FROM:TO[:ro]"], "restarts"}; GET /containers/NAME/log;
DELETE /containers/NAME.
"""
import http.server, json, os, re, socketserver, subprocess, sys, threading

SOCKET, IMAGE, STATE = sys.argv[1], sys.argv[2], "/var/lib/engine/containers"
RIGHTS = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP", "NET_BIND_SERVICE", "SYS_CHROOT"]
containers = {}


def configuration(wanted):
    def mount(place, kind, source, *options):
        return {"destination": place, "type": kind, "source": source, "options": list(options)}

    mounts = [
        mount("/proc", "proc", "proc"),
        mount("/dev", "tmpfs", "tmpfs", "nosuid", "mode=755", "size=65536k"),
        mount("/dev/pts", "devpts", "devpts", "newinstance", "ptmxmode=0666", "mode=0620"),
        mount("/tmp", "tmpfs", "tmpfs", "nosuid", "nodev"),
        mount("/usr", "bind", "/usr", "rbind", "ro"),
    ]
    for bind in wanted.get("binds", []):
        source, place, *rest = bind.split(":")
        mounts.append(mount(place, "bind", source, "rbind", *(rest or ["rw"])))
    rights = [f"CAP_{name}" for name in RIGHTS]
    user = wanted.get("user", 0)
    held = rights if user == 0 else []
    return {
        "ociVersion": "1.0.2",
        "process": {
            "user": {"uid": user, "gid": user},
            "args": wanted["command"],
            "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"],
            "cwd": "/",
            "capabilities": {"bounding": rights, "effective": held, "permitted": held},
            "noNewPrivileges": True,
        },
        "root": {"path": IMAGE, "readonly": True},
        "hostname": wanted["name"],
        "mounts": mounts,
        "linux": {
            "namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc", "uts")],
            "cgroupsPath": f"/system.slice/runc-{wanted['name']}.scope",
        },
    }


class Container:
    def __init__(self, wanted):
        self.name, self.left, self.runc = wanted["name"], wanted.get("restarts", 0), None
        self.folder = f"{STATE}/{self.name}"
        os.makedirs(self.folder, exist_ok=True)
        with open(f"{self.folder}/config.json", "w") as file:
            json.dump(configuration(wanted), file)
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            with open(f"{self.folder}/log", "ab") as log:
                words = ["runc", "run", "--bundle", self.folder, self.name]
                self.runc = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
                self.runc.wait()
            if self.left <= 0:
                return
            self.left -= 1

    def remove(self):
        self.left = 0
        subprocess.run(["runc", "kill", self.name, "KILL"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def told(self):
        return {"name": self.name, "running": self.runc is not None and self.runc.poll() is None, "restarts": self.left}


class Engine(http.server.BaseHTTPRequestHandler):
    def answer(self, status, text):
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def named(self):
        found = re.fullmatch("/containers/([a-z0-9-]+)(/log)?", self.path)
        return containers.get(found[1]) if found else None

    def do_GET(self):
        if self.path == "/containers":
            return self.answer(200, json.dumps([container.told() for container in containers.values()]).encode())
        container = self.named()
        if container is None:
            return self.answer(404, b"no such container\n")
        with open(f"{container.folder}/log", "rb") as log:
            self.answer(200, log.read())

    def do_POST(self):
        wanted = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        if not re.fullmatch("[a-z0-9-]{1,30}", wanted["name"]) or len(containers) >= 64:
            return self.answer(400, b"no such name, or too many\n")
        containers[wanted["name"]] = Container(wanted)
        self.answer(201, b"started\n")

    def do_DELETE(self):
        container = self.named()
        if container is None:
            return self.answer(404, b"no such container\n")
        container.remove()
        del containers[container.name]
        self.answer(200, b"removed\n")

    def address_string(self):
        return "socket"

    def log_message(self, *words):
        pass


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


Server(SOCKET, Engine).serve_forever()
