#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Several instances of the bank: whichever is called, the owner decides, also when it is killed meanwhile; and `execute`,
which calls the owner. On a broker of its own, for the bank's topic has but one name."""

import concurrent.futures
import http.client
import json
import os
import re
import signal
import time

from commands import NOWHERE, meddle
from programs import Broker, Program, case, run_cases, say, until

JSON = {"Content-Type": "application/json"}
CALLERS, CALLS, ACCOUNTS = 8, 40, 8


def bank(address):
    return Program(os.environ["STELE_BANK"], address)


class Instance:
    """A bank that serves."""

    def __init__(self, address):
        self.program = bank(address)
        self.running = self.program.start("run", "-o", "http.listen=127.0.0.1:0", "-o", "aggregate.account.commands=topic")
        self.running.awaits("serving HTTP")
        self.port = int(re.search(r"serving HTTP.*address=127\.0\.0\.1:(\d+)", self.running.err).group(1))

    def ask(self, method, path, body=None, **fields):
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            client.request(method, path, body and json.dumps(body),
                           {**JSON, **{name.replace("_", "-"): text for name, text in fields.items()}})
            answer = client.getresponse()
            return answer.status, json.loads(answer.read().decode())
        except (OSError, http.client.HTTPException) as failure:
            raise AssertionError(f"{failure!r}\n{self.running.err}") from None
        finally:
            client.close()

    def send(self, account, command, body, **fields):
        return self.ask("POST", f"/aggregates/account/{account}/commands/{command}", body, **fields)

    def owns(self, account):
        """Whoever does not own it says who does."""
        status, body = self.ask("GET", f"/aggregates/account/{account}", Stele_Hops="1")
        assert status == 200 or (status, body["code"]) == (421, "not_owner"), body
        return status == 200

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.program.__exit__()


def send_until_done(instance, account, command, body, key):
    """As a client does: the same again, with the same key, while there is no answer (503, 504)."""
    deadline = time.monotonic() + 150
    while True:
        status, answer = instance.send(account, command, body, Idempotency_Key=key)
        if status == 200:
            return
        assert status in (503, 504) and time.monotonic() < deadline, answer


def until_shared(instances, accounts):
    """Until each of the instances owns some of the accounts."""
    deadline = time.monotonic() + 60
    while not all(any(instance.owns(account) for account in accounts) for instance in instances):
        assert time.monotonic() < deadline, "one of them owns nothing"
        time.sleep(0.2)


def deposit(instance, caller, accounts):
    """One after the other, each cent once; how long the longest took."""
    longest = 0
    for call in range(CALLS):
        begun = time.monotonic()
        send_until_done(instance, accounts[(caller + call) % len(accounts)], "DepositMoney", {"amount_cents": 1},
                        f"{caller}-{call}")
        longest = max(longest, time.monotonic() - begun)
    return longest


def check_killed_owner(first, second):
    accounts = [f"a{index}" for index in range(ACCOUNTS)]
    for index, account in enumerate(accounts):
        send_until_done((first, second)[index % 2], account, "CreateAccount", {"owner": "Ada"}, "created")
    until_shared((first, second), accounts)
    with concurrent.futures.ThreadPoolExecutor(CALLERS) as pool:
        longest = [pool.submit(deposit, first, caller, accounts) for caller in range(CALLERS)]
        time.sleep(0.3)  # in the middle of it
        second.running.process.send_signal(signal.SIGKILL)
        waited = max(future.result(120) for future in longest)
    say(f"       an owner that was killed: no caller waited longer than {waited:.1f} s")
    states = [first.ask("GET", f"/aggregates/account/{account}")[1] for account in accounts]
    assert sum(state["balance_cents"] for state in states) == CALLERS * CALLS, states
    rows = [row for account in accounts for row in first.program.call("history", "account", account).exits(0).rows()]
    assert len(rows) == ACCOUNTS + CALLERS * CALLS
    assert len({row["event_id"] for row in rows}) == len(rows)
    first.program.call("audit", "account").exits(0)


def check_queue(program):
    """Commands by way of the topic: one that is done, once, and one that is a dead letter."""
    for _ in range(2):
        row = program.call("execute", "account", "tom", "CreateAccount", '{"owner": "Tom"}', "--command-id", "tom-1", "--queue",
                           "--expect", "new").exits(0).rows()[0]
        assert row["command_id"] == "tom-1" and row["topic"] == "account.commands", row
    program.call("execute", "account", "tom", "WithdrawMoney", '{"amount_cents": 1}', "--queue").exits(0)
    program.call("execute", "account", "tom", "DepositMoney", '{"amount_cents": 7}', "--queue").exits(0)
    deadline = time.monotonic() + 60
    while len(rows := program.call("history", "account", "tom").exits(0).rows()) < 2:
        assert time.monotonic() < deadline, rows
    assert [row["version"] for row in rows] == [1, 2], rows
    check_commands_in_status(program)
    program.call("audit", "account").exits(0)


def check_commands_in_status(program):
    """`status` has a row for each partition of commands: how many wait, and that some were set aside."""
    def rows():
        return [row for row in program.call("status", "account.writer", "--json").exits(0).rows()
                if row["topic"] == "account.commands"]
    until("no command waits", 60, lambda: len(rows()) == 4 and sum(row["lag"] or 0 for row in rows()) == 0)
    assert sum("`dlq list account`" in row["reason"] for row in rows()) == 1, rows()
    assert {row["state"] for row in rows()} == {"running"}, rows()
    table = program.call("status", "account.writer").exits(0).out
    assert table.count("account.writer account.events") == table.count("account.writer account.commands") == 4, table


def check_execute(address):
    with bank(address) as program:
        created = program.call("execute", "account", "eve", "CreateAccount", '{"owner": "Eve"}', "--expect", "new").exits(0)
        assert created.rows()[0]["version"] == 1 and created.rows()[0]["position"].startswith("account.events/")
        for _ in range(2):
            done = program.call("execute", "account", "eve", "DepositMoney", "-", "--command-id", "payday",
                                stdin='{"amount_cents": 500}').exits(0)
            assert done.rows()[0]["version"] == 2 and len(done.rows()[0]["events"]) == 1
        program.call("execute", "account", "eve", "WithdrawMoney", '{"amount_cents": 501}').exits(1).says(
            "rejected: insufficient_funds: Insufficient funds")
        program.call("execute", "account", "eve", "WithdrawMoney", '{"amount_cents": 1}', "--expect", "1").exits(1).says(
            "conflict: eve is at version 2")
        program.call("execute", "account", "eve", "DepositMoney", '{"amount": 1}').exits(1).says("DepositMoney: ", "amount")
        program.call("execute", "account", "eve", "Deposit").exits(1).says("DepositMoney")
        program.call("execute", "account", "eve", "CloseAccount", "--expect", "soon").exits(1).says("--expect", "soon")
        program.call("execute", "nothing", "eve", "Do").exits(1).says("nothing.events")
        check_queue(program)
    with Program(os.environ["STELE_PROGRAM"], address) as program:  # which has no tables
        program.call("execute", "account", "eve", "DepositMoney", '{"amount_cents": 5}').exits(0).prints('"version":3')
        program.call("execute", "account", "eve", "DepositMoney", '{"amount": 1}').exits(1).says("DepositMoney: ", "amount")
        program.call("execute", "account", "eve", "Deposit", "{}").exits(1).says("DepositMoney")
        program.call("execute", "account", "eve", "DepositMoney", "{}", "--queue").exits(1).says("--queue: only the program")


def check_execute_without_owner(address):
    with Program(os.environ["STELE_PROGRAM"], address) as program:
        program.call("execute", "account", "eve", "DepositMoney", '{"amount_cents": 5}', "--timeout", "2").exits(1).says(
            "nothing was appended", "its owner does not answer")


@case
def the_owner_decides():
    """Calls go to the owner from any instance and from execute; one that is killed is latency"""
    broker = Broker("instances")
    try:
        with bank(broker.address) as program:
            program.call("topics", "create", "account", "--partitions", "4").exits(0)
            program.call("execute", "account", "eve", "CloseAccount").exits(1).says(
                "no instance of the program that has account runs with http.listen: start one",
                "bank run -o http.listen=127.0.0.1:8080")
            program.call("execute", "account", "eve", "CloseAccount", "--queue").exits(1).says(
                "there is no topic account.commands", "commands = topic in [aggregate account]")
        with Instance(broker.address) as first:
            with Instance(broker.address) as second:
                check_killed_owner(first, second)
            check_execute(broker.address)
        check_execute_without_owner(broker.address)
    finally:
        broker.stop()


def check_stopped(address, instances, account, others):
    """Whoever is asked says at once why; what is not stopped is served."""
    for instance in instances:
        begun = time.monotonic()
        status, answer = instance.send(account, "DepositMoney", {"amount_cents": 1})
        assert (status, answer["code"]) == (503, "stopped"), answer
        assert "is stopped, nothing was appended" in answer["detail"] and "no value" in answer["detail"], answer
        assert time.monotonic() < begun + 15, f"after {time.monotonic() - begun:.1f} s"
        for other in others:
            send_until_done(instance, other, "DepositMoney", {"amount_cents": 1}, f"{instance.port}-{other}")
    with bank(address) as program:
        program.call("execute", "account", account, "DepositMoney", '{"amount_cents": 1}').exits(1).says("is stopped", "no value")


def until_stopped(instance, account):
    deadline = time.monotonic() + 60
    while instance.send(account, "DepositMoney", {"amount_cents": 1}, Stele_Timeout_Ms="3000")[1].get("code") != "stopped":
        assert time.monotonic() < deadline, instance.running.err


@case
def a_partition_that_is_stopped_says_why():
    """Whoever is asked says at once why a partition is stopped, also when no one has served it since the start"""
    broker = Broker("stopped")
    accounts = [f"a{index}" for index in range(ACCOUNTS)]
    try:
        with bank(broker.address) as program:
            program.call("topics", "create", "account", "--partitions", "4").exits(0)
            with Instance(broker.address) as first, Instance(broker.address) as second:
                for account in accounts:
                    send_until_done(first, account, "CreateAccount", {"owner": "Ada"}, "created")
                until_shared((first, second), accounts)
                partition = {account: program.call("history", "account", account).exits(0).rows()[0]["position"].split("/")[1]
                             for account in accounts}
                others = [account for account in accounts if partition[account] != partition[accounts[0]]]
                assert others
                meddle("put", "account.events", partition[accounts[0]], "=a0", "-", address=broker.address)
                until_stopped(first, accounts[0])
                check_stopped(broker.address, (first, second), accounts[0], others)
            with Instance(broker.address) as first, Instance(broker.address) as second:
                until_stopped(first, accounts[0])
                check_stopped(broker.address, (first, second), accounts[0], others)
    finally:
        broker.stop()


@case
def an_address_that_others_cannot_use_is_refused():
    """Every address of the machine is none that others can be told; what is advertised is looked at"""
    with bank(NOWHERE) as program:
        program.call("run", "-o", "http.listen=0.0.0.0:0").exits(1).says("http.listen", "http.advertise=HOST:")
        for advertised in ("http://bank:1", "bank:0", "bank:99999", ":80", "a b", "::1"):
            program.call("run", "-o", "http.listen=127.0.0.1:0", "-o", f"http.advertise={advertised}").exits(1).says(
                "http.advertise", "HOST or HOST:PORT")


run_cases(globals(), side_by_side=2)
