"""Who an exporter talks to: a name server that knows one name, or a collector that takes everything, over TLS.

    peers.py dns NAME                               on 127.0.0.1:53; NAME is 127.0.0.1
    peers.py collector PORT CERTIFICATE KEY         on 127.0.0.1:PORT
"""

import http.server
import socket
import ssl
import sys


def dns(name):
    wanted = b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\0"
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 53))
    while True:
        asked, client = server.recvfrom(512)
        end = asked.index(b"\0", 12) + 1
        question, kind = asked[12:end + 4], asked[end:end + 2]
        known = asked[12:end].lower() == wanted
        address = known and kind == b"\0\1"
        # Recursion available; no such name unless it is the one.
        flags = b"\x81\x80" if known else b"\x81\x83"
        answer = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x7f\0\0\1" if address else b""
        server.sendto(asked[:2] + flags + b"\0\1" + (b"\0\1" if address else b"\0\0") + b"\0\0\0\0" + question + answer, client)


class Collector(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        # An empty answer takes everything.
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()


def collector(port, certificate, key):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), Collector)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()


{"dns": dns, "collector": collector}[sys.argv[1]](*sys.argv[2:])
