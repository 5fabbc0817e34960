#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`registry serve` as a person starts and stops it: the address, a broker that is away, signals with
open, half-sent and waiting requests."""

import os
import re
import signal
import socket
import time

from commands import NOWHERE, stele
from programs import case, run_cases, until

A_STOP_S = 2.5  # a second, on a machine that is busy with other tests
HALF = b"POST /subjects/s/versions HTTP/1.1\r\nHost: localhost\r\nContent-Le"
ASKED = b"GET /subjects HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Server:
    """The command while it serves."""

    def __init__(self, listen="127.0.0.1:0", address=None):
        self.program = stele(address)
        self.running = self.program.start("registry", "serve", "--listen", listen)
        until("it prints its address", 40, lambda: self.running.out.endswith("\n"))
        self.host, self.port = re.fullmatch(r"http://(.*):(\d+)\n", self.running.out).groups()

    def dial(self, send=b""):
        client = socket.create_connection((self.host.strip("[]"), int(self.port)), timeout=40)
        client.sendall(send)
        return client

    def ask(self):
        with self.dial(ASKED) as client:
            return client.recv(65536).decode()

    def ends(self, number=signal.SIGTERM):
        """Exit code and seconds after a signal."""
        begun = time.monotonic()
        code = self.running.ends(number).code
        seconds = time.monotonic() - begun
        self.program.__exit__()
        return code, seconds


def hear(client):
    try:
        return client.recv(65536)
    except ConnectionResetError:  # what it had sent was not read any more
        return b""


def serve(listen):
    return stele(NOWHERE).call("registry", "serve", "--listen", listen)


@case
def a_port_that_is_taken_is_named():
    """A port that is taken is named"""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        serve(f"127.0.0.1:{port}").exits(1).says(f"127.0.0.1:{port} is taken", "choose another")


@case
def an_address_of_another_machine_is_refused_with_a_way_out():
    """An address of another machine is refused with a way out"""
    serve("192.0.2.1:8081").exits(1).says("192.0.2.1:8081 is no address of this machine", "127.0.0.1")
    serve("nowhere.invalid:8081").exits(1).says("nowhere.invalid", "of this machine")


@case
def what_is_no_address_is_usage():
    """What is no address is usage"""
    for listen in ("8081", ":8081", "::1:8081", "*:8081", "127.0.0.1:99999"):
        serve(listen).exits(2).says("expected HOST:PORT", "[::1]:8081")


@case
def a_low_port_needs_a_right():
    """A low port needs a right"""
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start", encoding="ascii") as file:
        if os.getuid() == 0 or int(file.read()) <= 1:
            return  # this user may
    serve("127.0.0.1:1").exits(1).says("127.0.0.1:1", "1024", "CAP_NET_BIND_SERVICE")


@case
def it_serves_over_ipv6():
    """It serves over ipv6"""
    server = Server("[::1]:0")
    assert server.host == "[::1]", server.host
    assert "200 OK" in server.ask()
    assert server.ends()[0] == 0


@case
def everyone_else_may_reach_it_is_a_warning():
    """Everyone else may reach it is a warning"""
    server = Server("0.0.0.0:0")
    server.running.awaits("there is no authentication")
    assert server.ends()[0] == 0


@case
def a_stop_takes_no_longer_for_open_and_half_sent_requests():
    """A stop takes no longer for open and half sent requests"""
    server = Server()
    assert "200 OK" in server.ask()
    clients = [server.dial(), server.dial(HALF), server.dial(ASKED)]
    assert b"200 OK" in clients[2].recv(65536)
    code, seconds = server.ends()
    assert code == 0 and seconds < A_STOP_S, (code, seconds)
    assert clients[0].recv(1) == b"" and clients[1].recv(1) == b""


@case
def a_broker_that_is_away_is_logged_and_does_not_hold_up_a_stop():
    """A broker that is away is logged and does not hold up a stop"""
    server = Server(address=NOWHERE)
    server.running.awaits("the registry does not answer")
    waiting = server.dial(ASKED)
    write = server.dial(b"PUT /config HTTP/1.1\r\nHost: localhost\r\nContent-Length: 24\r\n\r\n"
                        b'{"compatibility":"FULL"}')
    code, seconds = server.ends()
    assert code == 0 and seconds < A_STOP_S, (code, seconds)
    for client in (waiting, write):  # an answer or an end, but soon
        heard = hear(client)
        assert heard == b"" or b" 503 " in heard or b" 500 " in heard, heard


@case
def a_second_signal_ends_it_at_once():
    """A second signal ends it at once"""
    server = Server(address=NOWHERE)
    waiting = server.dial(ASKED)
    server.running.process.send_signal(signal.SIGINT)
    code, seconds = server.ends(signal.SIGINT)
    assert code in (0, 128 + signal.SIGINT) and seconds < A_STOP_S, (code, seconds)
    waiting.close()


if __name__ == "__main__":
    run_cases(globals())
