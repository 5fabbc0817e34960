#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`run` with http.listen: where it listens, what each wrong request is told, and how it ends while commands are under
way. On a broker of its own, for the bank's topic has but one name."""

import concurrent.futures
import http.client
import json
import os
import re
import signal
import socket

from commands import NOWHERE, stele
from programs import Broker, Program, case, run_cases, until

BOOK = "/aggregates/account/{}/commands/DepositMoney"
JSON = {"Content-Type": "application/json"}


def bank(address=NOWHERE):
    return Program(os.environ["STELE_BANK"], address)


class Served:
    """The bank while it serves."""

    def __init__(self, address):
        self.program = bank(address)
        self.program.call("topics", "create", "account", "--partitions", "2")
        self.running = self.program.start("run", "-o", "http.listen=127.0.0.1:0")
        self.running.awaits("serving HTTP")
        self.port = int(re.search(r"serving HTTP.*address=127\.0\.0\.1:(\d+)", self.running.err).group(1))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.program.__exit__()

    def ask(self, method, path, body=None, **fields):
        """Status and body of the answer."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        client.request(method, path, body, {**JSON, **{name.replace("_", "-"): text for name, text in fields.items()}})
        answer = client.getresponse()
        text = answer.read().decode()
        client.close()
        return answer.status, json.loads(text) if text else None


@case
def a_port_that_is_taken_ends_it():
    """A port that is taken is named, with the place that says so"""
    with bank() as program, socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        config = program.file("bank.ini", f"[http]\nlisten = {address}\n")
        program.call("run", "-c", config).exits(1).says(f"{config}:2: http.listen: {address} is taken")
        program.call("run", "-o", f"http.listen={address}").exits(1).says("-o: http.listen: ", "is taken")


@case
def an_address_that_is_none_ends_it():
    """What is no address, or none of this machine, is named with the way out"""
    for listen, words in (("8080", "expected HOST:PORT"), ("*:8080", "expected HOST:PORT"),
                          ("192.0.2.1:8080", "no address of this machine"), ("no.such.host.invalid:1", "no.such.host")):
        with bank() as program:
            program.call("run", "-o", f"http.listen={listen}").exits(1).says("http.listen: ", words)


@case
def tables_alone_are_nothing_to_serve():
    """A program whose projections are in SQL has nothing to serve, and says what it would serve"""
    with stele(NOWHERE) as program:
        path = program.file("t.sql", "-- source: a.events\n-- on *\n")
        program.call("run", "-o", "http.listen=127.0.0.1:0", "-o", f"projection.t.sql={path}").exits(1).says(
            "http.listen", "no aggregate that decides, and no projection in C")


def check_wrong_requests(served):
    """Each has its status and its code."""
    cases = (
        ("POST", "/aggregates/order/1/commands/Pay", "{}", {}, 404, "unknown_aggregate"),
        ("POST", "/aggregates/account/1/commands/Rob", "{}", {}, 404, "unknown_command"),
        ("POST", "/aggregates/account/1/commands/", "{}", {}, 404, "not_found"),
        ("PUT", BOOK.format(1), "{}", {}, 405, "method_not_allowed"),
        ("POST", BOOK.format(1), "{", {}, 400, "invalid"),
        ("POST", BOOK.format(1), "", {}, 400, "invalid"),
        ("POST", BOOK.format(1), '{"amount_cents":"1"}', {}, 400, "invalid"),
        ("POST", BOOK.format("x" * 1025), '{"amount_cents":1}', {}, 400, "invalid"),
        ("POST", BOOK.format("stele:1"), '{"amount_cents":1}', {}, 400, "invalid"),
        ("POST", BOOK.format(1), '{"amount_cents":1}', {"If_Match": "one"}, 400, "bad_request"),
        ("POST", BOOK.format(1), '{"amount_cents":1}', {"Content_Type": "text/plain"}, 415, "unsupported_media_type"),
        ("POST", BOOK.format(1), '{"amount_cents":1}', {"Content_Encoding": "gzip"}, 415, "unsupported_media_type"),
        ("POST", BOOK.format(1), " " * (3 << 20), {}, 413, "content_too_large"),
        ("POST", BOOK.format(1), '{"amount_cents":1}', {"Origin": "http://localhost"}, 403, "forbidden"),
        ("POST", BOOK.format(1), '{"amount_cents":1}', {}, 422, "account_not_found"),
        ("POST", BOOK.format(1), '{"amount_cents":1}', {"If_Match": '"3"'}, 409, "conflict"),
        ("GET", "/aggregates/account/1", None, {}, 404, "not_found"),
        ("GET", "/aggregates/account/1?version=1", None, {}, 404, "not_found"),
        ("GET", "/aggregates/account/1/events", None, {}, 404, "not_found"),
        ("GET", "/aggregates/account/1/events?limit=0", None, {}, 400, "bad_request"),
    )
    for method, path, body, fields, status, code in cases:
        got, problem = served.ask(method, path, body, **fields)
        assert (got, problem["code"], problem["status"]) == (status, code, status), f"{method} {path}: {got} {problem}"


def check_stop(served):
    """What is under way while it ends is answered, and what was acknowledged is there."""
    assert served.ask("POST", "/aggregates/account/s/commands/CreateAccount", '{"owner":"Ada"}')[0] == 200

    def deposit(number):
        try:
            return served.ask("POST", BOOK.format("s"), '{"amount_cents":1}', Idempotency_Key=str(number))[0]
        except (OSError, http.client.HTTPException):
            return 0  # it came after the end

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        asked = [pool.submit(deposit, number) for number in range(400)]
        until("some are answered", 40, lambda: sum(each.done() for each in asked) > 50)
        done = served.running.ends(signal.SIGTERM)
    statuses = [each.result() for each in asked]
    done.exits(0).says("worker ended")
    assert set(statuses) <= {0, 200, 503}, sorted(set(statuses))
    return statuses.count(200)


@case
def it_serves_and_ends_in_good_order():
    """Wrong requests have their answers, and nothing acknowledged is lost by an end"""
    broker = Broker("commands-http")
    try:
        with Served(broker.address) as served:
            check_wrong_requests(served)
            acknowledged = check_stop(served)
        with Served(broker.address) as served:
            status, state = served.ask("GET", "/aggregates/account/s")
            assert status == 200 and state["balance_cents"] >= acknowledged, (state, acknowledged)
            # The snapshot of the end is newer than this.
            assert served.ask("GET", "/aggregates/account/s?version=2")[1]["balance_cents"] == 1
            assert served.ask("GET", "/aggregates/account/s?at=2100-01-01T00:00:00Z")[1] == state
            page = served.ask("GET", "/aggregates/account/s/events?after=2&limit=2")[1]
            assert [each["version"] for each in page["events"]] == [3, 4], page
            assert served.ask("GET", page["next"])[1]["events"][0]["version"] == 5
            again = [served.ask("POST", BOOK.format("s"), '{"amount_cents":1}', Idempotency_Key=str(number))[0]
                     for number in range(350, 400)]
            assert set(again) == {200}, again
    finally:
        broker.stop()


run_cases(globals(), side_by_side=2)
