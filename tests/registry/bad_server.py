#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A schema registry that misbehaves as its first argument says; prints its port, then serves. A port
of one's choice: PORT in the environment.

Counts requests: GET /count answers how many others there were and how many at the same time.
"""
import base64
import http.server
import json
import os
import ssl
import sys
import threading
import time

MODE = sys.argv[1]
TLS = sys.argv[2:]  # certificate, key, and the CA that a client's certificate must be of

INT = {"schema": '"int"'}
counts = {"requests": 0, "now": 0, "most": 0}
lock = threading.Lock()


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def chain(version):
    """Version n of subject "chain" refers to version n + 1, without an end."""
    return {
        "subject": "chain", "version": version,
        "schema": json.dumps({"type": "record", "name": f"C{version}", "fields": []}),
        "references": [{"name": f"C{version + 1}", "subject": "chain", "version": version + 1}],
    }


def wide(count):
    return {"schema": '"int"', "references": [{"name": f"W{i}", "subject": f"w{i}", "version": 1} for i in range(count)]}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, code, body, size=None):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
        self.send_header("Content-Length", str(size or len(data)))
        self.end_headers()
        try:
            self.wfile.write(data)
        except OSError:
            pass  # the client has had enough

    def first(self, count):
        """Is this one of the first requests?"""
        return counts["requests"] <= count

    def respond(self):
        authorization = self.headers.get("Authorization")
        subject = self.path.split("/")[2] if self.path.startswith("/subjects/") else None
        if MODE == "good" or MODE == "tls":
            self.answer(200, INT)
        elif MODE.startswith("slow "):
            time.sleep(float(MODE.split()[1]))
            self.answer(200, INT)
        elif MODE == "500":
            self.answer(500, {"error_code": 50001, "message": "the store is down"})
        elif MODE == "500 twice":
            self.answer(503, b"busy") if self.first(2) else self.answer(200, INT)
        elif MODE == "429 twice":
            self.answer(429, b"slow down") if self.first(2) else self.answer(200, INT)
        elif MODE == "hang up twice":
            self.close_connection = True
            if not self.first(2):
                self.answer(200, INT)
        elif MODE == "garbage":
            self.answer(200, b"<html>Welcome to nginx</html>")
        elif MODE == "half":
            self.close_connection = True
            self.answer(200, b'{"schema": "\\"i', size=100)
        elif MODE == "no schema":
            self.answer(200, {"id": 7, "schema": 7})
        elif MODE == "not avro":
            self.answer(200, {"schema": "message M {}", "schemaType": "PROTOBUF"})
        elif MODE == "bad schema":
            self.answer(200, {"schema": '{"type": "record"}'})
        elif MODE == "10 MB":
            self.answer(200, b'{"schema": "' + b" " * 10_000_000 + b'"}')
        elif MODE == "wrong id":
            self.answer(200, {"schema": '"int"', "id": 8})
        elif MODE == "other schema":  # every registration gets the id of another schema
            self.answer(200, {"id": 7} if self.command == "POST" else INT)
        elif MODE == "no id":
            self.answer(200, {"id": "seven"})
        elif MODE == "40403":
            self.answer(404, {"error_code": 40403, "message": "Schema not found"})
        elif MODE == "40403 once":
            missing = {"error_code": 40403, "message": "Schema not found"}
            self.answer(404, missing) if self.first(1) else self.answer(200, INT)
        elif MODE == "no genesis":  # as a registry that knows nothing of it
            self.answer(404, b"no such page") if self.path == "/v1/metadata/id" else self.answer(200, ["AVRO"])
        elif MODE == "empty genesis":  # as Confluent's
            self.answer(200, {"scope": {"path": [], "clusters": {}}, "id": ""})
        elif MODE == "404":
            self.answer(404, b"no such page")
        elif MODE == "409":
            self.answer(409, {"error_code": 409, "message": "field \"total\" has no default"})
        elif MODE == "422":
            self.answer(422, {"error_code": 42201, "message": "Invalid schema"})
        elif MODE == "redirect":
            self.answer(302, b"")
        elif MODE == "401":
            self.answer(401, {"error_code": 40101, "message": "User cannot be authenticated"})
        elif MODE == "basic":
            self.answer(200 if authorization == basic("alice", "s:cret") else 401, INT)
        elif MODE == "bearer":
            self.answer(200 if authorization == "Bearer t0ken" else 401, INT)
        elif MODE == "chain":
            self.answer(200, chain(int(self.path.split("/")[4])) if subject else chain(1))
        elif MODE == "wide":
            self.answer(200, {"version": 1, "schema": '"int"'} if subject else wide(257))
        elif MODE == "no reference":
            self.answer(404, {"error_code": 40401, "message": "none"}) if subject else self.answer(200, wide(1))
        else:
            sys.exit(f"no mode {MODE}")

    def do_GET(self):
        size = int(self.headers.get("Content-Length") or 0)
        self.rfile.read(size)
        if self.path == "/count":
            return self.answer(200, [counts["requests"], counts["most"]])
        with lock:
            counts["requests"] += 1
            counts["now"] += 1
            counts["most"] = max(counts["most"], counts["now"])
        try:
            self.respond()
        finally:
            with lock:
                counts["now"] -= 1

    do_POST = do_GET

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_):
        pass


server = Server(("127.0.0.1", int(os.environ.get("PORT", "0"))), Handler)
if TLS:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS[0], TLS[1])
    if len(TLS) > 2:
        context.load_verify_locations(TLS[2])
        context.verify_mode = ssl.CERT_REQUIRED
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)


def end_with(parent):
    """A test that fails does not stop its server."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(0)


threading.Thread(target=end_with, args=[os.getppid()], daemon=True).start()
print(server.server_address[1], flush=True)
server.serve_forever()
