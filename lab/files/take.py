"""Takes what is put or posted to it: PORT. Keeps nothing."""
import http.server, sys


class Take(http.server.BaseHTTPRequestHandler):
    def take(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_PUT = do_POST = do_GET = take


http.server.HTTPServer(("", int(sys.argv[1])), Take).serve_forever()
