"""Serves the files of a folder over TLS. Words: folder, certificate, key, and what `authorization` must be, if anything."""

import functools
import http.server
import ssl
import sys

folder, certificate, key, *authorization = sys.argv[1:]


class Files(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        if authorization and self.headers["authorization"] != authorization[0]:
            self.send_error(401)
        else:
            super().do_GET()


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Files, directory=folder))
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
server.socket = context.wrap_socket(server.socket, server_side=True)
print("listening on 127.0.0.1:%d" % server.server_address[1], file=sys.stderr, flush=True)
server.serve_forever()
