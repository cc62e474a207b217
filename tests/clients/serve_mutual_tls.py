"""Demands a certificate of whoever connects, and says who it was and which name it asked for: as JSON to a GET, and as a model's
words, in OpenAI's dialect, to a POST. Prints its port.

CERTIFICATE KEY AUTHORITIES: the server's own, and whose certificates it takes."""

import json
import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer(self.seen())

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        message = {"role": "assistant", "content": json.dumps(self.seen())}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        kind = "chat.completion"
        self.answer({"id": "c", "object": kind, "created": 1, "model": "m", "choices": [choice], "usage": usage})

    def seen(self):
        subject = dict(part[0] for part in self.connection.getpeercert()["subject"])
        return {"client": subject["commonName"], "asked_for": self.connection.asked_for}

    def answer(self, value):
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def note_name(connection, name, _):
    connection.asked_for = name


class Connection(ssl.SSLSocket):
    asked_for = None


certificate, key, authorities = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.sslsocket_class = Connection
context.load_cert_chain(certificate, key)
context.load_verify_locations(authorities)
context.verify_mode = ssl.CERT_REQUIRED
context.sni_callback = note_name
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
# The handshake is the handler's, so that a client that fails it does not end the server.
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
print(server.server_address[1], flush=True)
server.serve_forever()
