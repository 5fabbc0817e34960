#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A client that the broker does not let in says why, and which setting of [kafka] to change."""

import pathlib
import socket
import socketserver
import subprocess
import tempfile
import threading

from commands import stele
from programs import ROOT, Broker, say, unique

JAAS = ('org.apache.kafka.common.security.plain.PlainLoginModule required '
        'username="admin" password="admin" user_admin="admin" user_alice="secret";')
PLAIN = ("kafka.sasl.mechanism=PLAIN", "kafka.sasl.username=alice")


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def secured(name, sasl, tls, folder):
    """A broker with a listener of each kind, on these ports."""
    pem = f"{folder}/broker.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", f"{folder}/key.pem",
                    "-out", f"{folder}/cert.pem"], check=True, capture_output=True)
    pathlib.Path(pem).write_text(pathlib.Path(f"{folder}/key.pem").read_text()
                                 + pathlib.Path(f"{folder}/cert.pem").read_text(), encoding="ascii")
    broker = Broker(name)
    plain, controller = pathlib.Path(ROOT, ".kafka", "run", broker.name, "ports").read_text(encoding="ascii").split()[:2]
    offered = f"PLAINTEXT://127.0.0.1:{plain},SASL://127.0.0.1:{sasl},TLS://127.0.0.1:{tls}"
    settings = [f"listeners={offered},CONTROLLER://127.0.0.1:{controller}", f"advertised.listeners={offered}",
                "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL:SASL_PLAINTEXT,TLS:SSL,CONTROLLER:PLAINTEXT",
                "listener.name.sasl.sasl.enabled.mechanisms=PLAIN",
                f"listener.name.sasl.plain.sasl.jaas.config={JAAS}",
                "listener.name.tls.ssl.keystore.type=PEM", f"listener.name.tls.ssl.keystore.location={pem}"]
    broker.restart(*settings)
    return broker


def call(address, *settings):
    words = [word for setting in settings for word in ("-o", setting)]
    return stele(address).call("topics", "create", unique("secured"), "--partitions", "1", *words, "--timeout", "5",
                               timeout=40)


def refusals(plain, sasl, tls, folder):
    """Where a client goes, how it is set, and what the message names."""
    own = f"kafka.ssl.ca.location={folder}/cert.pem"
    return [
        ("a wrong password", sasl, ("kafka.security.protocol=sasl_plaintext", *PLAIN, "kafka.sasl.password=wrong"),
         ("sasl.password",)),
        ("an unknown user", sasl, ("kafka.security.protocol=sasl_plaintext", "kafka.sasl.mechanism=PLAIN",
                                   "kafka.sasl.username=bob", "kafka.sasl.password=secret"), ("sasl.username",)),
        ("no SASL where it is asked for", sasl, (), ("security.protocol", "sasl_plaintext")),
        ("SASL where there is none", plain,
         ("kafka.security.protocol=sasl_plaintext", *PLAIN, "kafka.sasl.password=secret"), ("security.protocol",)),
        ("TLS where there is none", plain, ("kafka.security.protocol=ssl",), ("security.protocol",)),
        ("TLS at a SASL listener", sasl, ("kafka.security.protocol=ssl",), ("security.protocol",)),
        ("no TLS where it is asked for", tls, (), ("security.protocol", "ssl")),
        ("a certificate of an unknown authority", tls, ("kafka.security.protocol=ssl",), ("ssl.ca.location",)),
        ("SASL at a TLS listener", tls,
         ("kafka.security.protocol=sasl_ssl", *PLAIN, "kafka.sasl.password=secret", own), ("security.protocol",)),
    ]


class NoBroker(socketserver.BaseRequestHandler):
    """Answers as a web server does that was sent no HTTP."""

    def handle(self):
        while self.request.recv(1000):
            self.request.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")


def a_port_of_another_service():
    """An HTTP server answers what librdkafka takes for the size of a record."""
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), NoBroker)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        call(f"127.0.0.1:{server.server_address[1]}").exits(1).says("no Kafka broker", "bootstrap.servers")
    finally:
        server.shutdown()
        server.server_close()
    say("ok     a port of another service")


def main():
    a_port_of_another_service()
    name = unique("security")
    sasl, tls = free_ports(2)
    with tempfile.TemporaryDirectory() as folder:
        broker = secured(name, sasl, tls, folder)
        try:
            address = {"plain": broker.address, "sasl": f"127.0.0.1:{sasl}", "tls": f"127.0.0.1:{tls}"}
            for what, where, settings, words in refusals(*address.values(), folder):
                call(where, *settings).exits(1).says(where, *words)
                say(f"ok     {what}")
            call(address["plain"]).exits(0)
            call(address["sasl"], "kafka.security.protocol=sasl_plaintext", *PLAIN, "kafka.sasl.password=secret").exits(0)
            call(address["tls"], "kafka.security.protocol=ssl", f"kafka.ssl.ca.location={folder}/cert.pem").exits(0)
            say("ok     and with the right settings each lets in")
        finally:
            broker.stop()


if __name__ == "__main__":
    main()
