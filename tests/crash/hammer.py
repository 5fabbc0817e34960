# SPDX-License-Identifier: MIT
"""Clients that hammer the bank's accounts over HTTP, and write down what they were told; instances of the bank,
and what befalls them. test_hammer.py plays them; histories/checker.py judges what the clients have written down."""

import collections
import http.client
import json
import os
import signal
import socket
import threading
import time
import uuid

from harness import say

CALL_S = 5            # a call without an answer for so long is one whose outcome is not known
ATTEMPTS_S = 40       # so long a client sends a command again
SESSION_MS = 6000


def free_port():
    with socket.socket() as own:
        own.bind(("127.0.0.1", 0))
        return own.getsockname()[1]


class Instance:
    """One program of the bank."""

    def __init__(self, shop, name):
        self.shop, self.name = shop, name
        self.port = free_port()
        self.process = None
        self.is_frozen = False
        self.starts = 0

    def start(self):
        self.starts += 1
        self.process = self.shop.worker(f"{self.name}-{self.starts}", "-o", f"http.listen=127.0.0.1:{self.port}")

    def kill(self):
        self.wake()
        self.process.kill()
        self.process.wait()

    def end(self):
        self.wake()
        self.process.send_signal(signal.SIGTERM)

    def freeze(self):
        self.is_frozen = True
        self.process.send_signal(signal.SIGSTOP)

    def wake(self):
        if self.is_frozen:
            self.process.send_signal(signal.SIGCONT)
        self.is_frozen = False

    def check_alive(self):
        assert self.process.poll() is None, f"{self.name} has ended by itself: {self.process.returncode}"


class Unknown(Exception):
    """No one knows what became of it, or it was not done: it may be sent again."""


class Api:
    """One instance's HTTP, as a caller has it: a connection that is kept while it works."""

    def __init__(self, port):
        self.port, self.connection = port, None

    def call(self, method, path, body=None, headers=None):
        """Status, fields of the head, and the JSON of the answer."""
        try:
            if self.connection is None:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=CALL_S)
            self.connection.request(method, path, None if body is None else json.dumps(body),
                                    {"Content-Type": "application/json", **(headers or {})})
            answer = self.connection.getresponse()
            text = answer.read()
            return answer.status, answer.headers, json.loads(text) if text else {}
        except (OSError, http.client.HTTPException, ValueError) as failure:
            self.close()
            raise Unknown(f"{type(failure).__name__}: {failure}") from None

    def close(self):
        if self.connection is not None:
            self.connection.close()
        self.connection = None

    def execute(self, account, command, arguments, command_id, expected):
        """What the answer comes to, as the history has it."""
        headers = {"Idempotency-Key": command_id}
        if expected == 0:
            headers["If-None-Match"] = "*"
        elif expected is not None:
            headers["If-Match"] = f'"{expected}"'
        status, fields, answer = self.call("POST", f"/aggregates/account/{account}/commands/{command}", arguments,
                                           headers)
        if status == 200:
            return {"outcome": "ok", "version": answer["version"], "position": answer["position"],
                    "events": [event["id"] for event in answer["events"]],
                    "repeated": fields.get("Idempotent-Replayed") == "true"}
        if status == 409:
            return {"outcome": "conflict", "version": answer["version"]}
        if status == 422:
            return {"outcome": "rejected", "code": answer["code"]}
        if status in (429, 500, 502, 503, 504):
            raise Unknown(f"{status}: {answer}")
        raise AssertionError(f"{command} of {account}: {status}: {answer}")

    def read(self, account):
        status, fields, answer = self.call("GET", f"/aggregates/account/{account}")
        if status == 200:
            version = int(fields["ETag"].strip('"'))
            return {"outcome": "ok", "version": version, "balance": answer["balance_cents"]}
        if status == 404:
            return {"outcome": "ok", "version": 0, "balance": 0}
        if status in (429, 500, 502, 503, 504):
            raise Unknown(f"{status}: {answer}")
        raise AssertionError(f"GET {account}: {status}: {answer}")


class Client:
    """Sends commands with the version that it has seen, and writes down what it was told."""

    def __init__(self, number, random, ports, accounts, folder, stop):
        self.number, self.random, self.accounts, self.stop = number, random, accounts, stop
        self.apis = [Api(port) for port in ports]
        self.api = self.random.choice(self.apis)
        self.seen = {}
        self.file = open(os.path.join(folder, f"history-{number}.jsonl"), "w")
        self.counts, self.reasons = collections.Counter(), collections.Counter()
        self.failure = None
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        try:
            while not self.stop.is_set():
                self.step()
        except BaseException as failure:  # told by whoever joins it
            self.failure = failure
        finally:
            self.file.close()

    def write_down(self, operation, began, answer):
        operation = dict(operation, client=self.number, start_ns=began, end_ns=time.monotonic_ns(), **answer)
        self.file.write(json.dumps(operation) + "\n")
        self.counts[answer["outcome"]] += 1
        if "why" in answer:
            self.reasons[answer["why"].partition(":")[0]] += 1
        if answer.get("version") is not None and not answer.get("repeated"):
            self.seen[operation["aggregate"]] = max(answer["version"], self.seen.get(operation["aggregate"], 0))
        return operation

    def step(self):
        account = self.random.choice(self.accounts)
        if self.random.random() < 0.1:
            self.api = self.random.choice(self.apis)
        if self.seen.get(account, 0) == 0:
            self.command(account, "CreateAccount", {"owner": f"client {self.number}"}, 0, 0)
        elif self.random.random() < 0.2:
            self.read(account)
        elif self.random.random() < 0.5:
            amount = self.random.randrange(1, 1000)
            self.command(account, "DepositMoney", {"amount_cents": amount}, amount, self.expectation(account))
        else:
            amount = self.random.randrange(1, 1500)
            self.command(account, "WithdrawMoney", {"amount_cents": amount}, -amount, self.expectation(account))

    def expectation(self, account):
        """Mostly what it has seen; sometimes anything, and sometimes what was long ago."""
        kind = self.random.random()
        if kind < 0.25:
            return None
        return self.seen[account] if kind < 0.95 else self.random.randrange(1, self.seen[account] + 1)

    def move_on(self):
        """To another instance, as whoever was not answered does."""
        self.api = self.random.choice([api for api in self.apis if api is not self.api])

    def command(self, account, command, arguments, delta, expected):
        """Send it until there is an answer; each attempt is written down, with the same id."""
        operation = {"aggregate": account, "command": command, "command_id": str(uuid.UUID(
            int=self.random.getrandbits(128), version=4)), "expected": expected, "delta": delta}
        until = time.monotonic() + ATTEMPTS_S
        while True:
            began = time.monotonic_ns()
            try:
                answer = self.api.execute(account, command, arguments, operation["command_id"], expected)
                return self.write_down(operation, began, answer)
            except Unknown as failure:
                self.write_down(operation, began, {"outcome": "unknown", "why": str(failure)})
            self.move_on()
            # A client that has gone away does not ask again, either.
            if time.monotonic() > until or self.stop.is_set() or self.random.random() < 0.05:
                return None
            self.stop.wait(self.random.uniform(0.01, 0.3))

    def read(self, account):
        began = time.monotonic_ns()
        operation = {"aggregate": account, "command": "read", "command_id": None, "expected": None}
        try:
            self.write_down(operation, began, self.api.read(account))
        except Unknown as failure:
            self.write_down(operation, began, {"outcome": "unknown", "why": str(failure)})
            self.move_on()


class Faults:
    """What befalls the instances and the broker: by the seed, one after the other."""

    def __init__(self, random, instances, broker, until):
        self.random, self.instances, self.broker, self.until = random, instances, broker, until
        self.counts = collections.Counter()

    def left(self):
        return self.until - time.monotonic()

    def rest(self, seconds):
        """Let time pass, and see that no instance ends by itself."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(min(0.1, max(0.0, until - time.monotonic())))
            for instance in self.instances:
                instance.check_alive()

    def play(self):
        """Each kind once, and then what chance says until the time is over."""
        kinds = [self.kill, self.freeze, self.end, self.kill_broker]
        weights = [3, 3, 2, 1]  # a broker that comes back takes a while, in which nothing else is tried
        planned = kinds[:]
        self.random.shuffle(planned)
        while planned or self.left() > 0:
            self.rest(self.random.uniform(2, 12))
            fault = planned.pop() if planned else self.random.choices(kinds, weights)[0]
            self.counts[fault.__name__] += 1
            fault()
        self.rest(2)

    def kill(self):
        victim = self.random.choice(self.instances)
        pause = self.random.choice([0.0, self.random.uniform(0, 3), SESSION_MS / 1000 + 2])
        say(f"SIGKILL to {victim.name}, started again after {pause:.1f} s")
        victim.kill()
        time.sleep(pause)  # it is away for so long
        victim.start()

    def end(self):
        victim = self.random.choice(self.instances)
        say(f"SIGTERM to {victim.name}")
        victim.end()
        code = victim.process.wait(timeout=60)
        assert code == 0, f"{victim.name} ended with {code} after SIGTERM"
        victim.start()

    def freeze(self):
        victim = self.random.choice(self.instances)
        pause = self.random.choice([1.0, SESSION_MS / 1000 + self.random.uniform(1, 4)])
        say(f"SIGSTOP to {victim.name} for {pause:.1f} s")
        victim.freeze()
        self.rest(pause)
        victim.wake()

    def kill_broker(self):
        pause = self.random.uniform(0, 2)
        say(f"SIGKILL to the broker, started again after {pause:.1f} s")
        self.broker.kill()
        time.sleep(pause)  # it is away for so long
        self.broker.start()
