#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""docs/sql.md: what it tells its reader to type is typed on a real broker of the test's own, its files of SQL are run, and
the mistakes that it shows are made."""

import json
import os
import re
import socket
import sqlite3
import sys
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from programs import ROOT, Broker, Postgres, Program, Redis, say, until  # noqa: E402

SHOP = "examples/shop"


def content(path):
    with open(os.path.join(ROOT, path)) as file:
        return file.read()


def blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)


def ask(path, query):
    """The rows as SQLite's own program prints them."""
    connection = sqlite3.connect(path)
    try:
        return "".join("|".join(map(str, row)) + "\n" for row in connection.execute(query))
    finally:
        connection.close()


def typed(page):
    """The words of each command of the page's block of shell; the queries apart."""
    commands = [line.split("#")[0].strip() for line in blocks(page, "sh")[0].splitlines()]
    query = next(line for line in commands if line.startswith("sqlite3"))
    return [line.split()[1:] for line in commands if line.startswith("stele")], re.search("'(.*)'", query).group(1)


def caught_up(program, *words):
    rows = program.call("status", *words, "--json").exits(0).rows()
    return rows and all(row["state"] == "running" and row["lag"] == 0 for row in rows)


def check_typed(program, page):
    (create, publish, run, status), query = typed(page)
    program.call(*create).exits(0)
    program.call(*publish).exits(0)
    worker = program.start(*run[:-1])  # without the &
    until("the table has all events", 60, lambda: caught_up(program, *status[1:]))
    assert ask(os.path.join(program.folder, "top_customers.db"), query) == blocks(page, "text")[0], \
        ask(os.path.join(program.folder, "top_customers.db"), query)
    check_wait(program, page)
    worker.ends(15).exits(0)
    say("ok     the table has what the page shows")


def check_wait(program, page):
    """The position on the page is that customer's last one: `wait` ends at once."""
    history, wait = [line.split("#")[0].split() for line in blocks(page, "sh")[1].splitlines()]
    last = program.call(*history[1:4]).exits(0).rows()[-1]["position"]
    assert last == wait[3], (last, wait)
    program.call(*wait[1:], "--timeout", "10").exits(0)


def check_mistakes(program, page):
    text = content(f"{SHOP}/top_customers.sql")
    made = [text.replace("VALUES (:customer_id", "VALUES (:custmer_id"), text.replace("ON CONFLICT", "ONCONFLICT"),
            text.replace("on shop.Purchase", "on shop.Purchsae")]
    shown = blocks(page, "text")[1].splitlines()
    assert len(shown) == len(made)
    for mistake, message in zip(made, shown):
        path = program.file("top_customers.sql", mistake)
        done = program.call("run", "-o", f"projection.top_customers.sql={path}", "-o",
                            "projection.top_customers.store=sqlite:mistakes.db").exits(1)
        done.says(message)
    say("ok     the mistakes that the page shows are found, with their lines")


def check_journal(program, page):
    config = next(block for block in blocks(page, "ini") if "journal:" in block)
    worker = program.start("run", "-c", program.file("journal.ini", config))
    until("the journal has all events", 60, lambda: caught_up(program, "history"))
    query = next(block for block in blocks(page, "sql") if "data ->>" in block)
    path = os.path.join(program.folder, "history.db")
    assert ask(path, query.replace("->> 'amount'", "")).count("shop.Purchase") == 4, ask(path, query)
    assert ask(path, "SELECT count(*), count(DISTINCT aggregate_id) FROM events") == "6919|2357\n"
    worker.ends(15).exits(0)
    say("ok     the journal has every event")


def check_orders(program, page):
    names = ["order_placed", "order_paid", "order_shipped", "order_cancelled"]
    with_types = [word for name in ("buyer", "item") for word in ("--with", f"{SHOP}/schemas/{name}.avsc")]
    for name in names[1:]:
        program.call("schema", "register", f"{SHOP}/schemas/{name}.avsc", "--aggregate", "order").exits(0)
    program.call("topics", "create", "order", "--partitions", "2").exits(0)
    placed = {"order_id": "o-1", "customer": {"id": "c-1", "name": "Ann"}, "total_cents": 700,
              "items": [{"sku": "a", "quantity": 2, "price_cents": 100}, {"sku": "b", "quantity": 1, "price_cents": 500}]}
    program.call("publish", "order", "--schema", f"{SHOP}/schemas/order_placed.avsc", *with_types, "--key", "order_id",
                 "--format", "json", stdin=json.dumps(placed)).exits(0)
    program.call("publish", "order", "--schema", f"{SHOP}/schemas/order_paid.avsc", "--key", "order_id", "--format", "json",
                 stdin=json.dumps({"order_id": "o-1", "amount_cents": 700})).exits(0)
    path = program.file("orders.sql", next(block for block in blocks(page, "sql") if "order_items" in block))
    worker = program.start("run", "-o", f"projection.orders.sql={path}")
    until("the tables have all events", 60, lambda: caught_up(program, "orders"))
    store = os.path.join(program.folder, "orders.db")
    assert ask(store, "SELECT * FROM orders") == "o-1|Ann|700|paid\n"
    assert ask(store, "SELECT * FROM order_items ORDER BY number") == "o-1|0|a|2\no-1|1|b|1\n"
    worker.ends(15).exits(0)
    say("ok     orders and their items are in their tables")


def check_fold(address, page):
    with Program(os.environ["STELE_SHOP"], address) as program:
        os.chdir(program.folder)
        config = next(block for block in blocks(page, "ini") if "[projection customers]" in block)
        query = re.search("'(SELECT.*)'", blocks(page, "sh")[2]).group(1)
        worker = program.start("run", "-c", program.file("table.ini", config))
        until("the table is there", 60, lambda: os.path.exists("customers.db") and ask(
            "customers.db", "SELECT count(*) FROM sqlite_schema WHERE name = 'customers'") == "1\n")
        until("the table has all states", 60, lambda: ask("customers.db", query) == blocks(page, "text")[3])
        worker.ends(15).exits(0)
        say("ok     the fold's states are a table")


def served(port, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return json.loads(answer.read())
    except OSError:  # not yet
        return None


def check_lmdb(address, page):
    config = next(block for block in blocks(page, "ini") if "lmdb:" in block)
    command = next(block for block in blocks(page, "sh") if "lmdb.ini" in block)
    path = re.search(r"curl http://127.0.0.1:8080(\S+)", command).group(1)
    with Program(os.environ["STELE_SHOP"], address) as program, socket.socket() as probe:
        os.chdir(program.folder)
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        words = ["run", "-c", program.file("lmdb.ini", config), "-o", f"http.listen=127.0.0.1:{port}"]
        for _ in range(2):  # the second one reads the file
            worker = program.start(*words)
            until("the state is served", 60, lambda: served(port, path) == json.loads(blocks(page, "json")[-1]))
            worker.ends(15).exits(0)
        program.call("snapshots", "verify", "customers", "-c", "lmdb.ini").exits(1).says("is in lmdb:customers.lmdb (store)")
        program.call("snapshots", "list", "customers", "-c", "lmdb.ini").exits(1).says("is in lmdb:customers.lmdb (store)")
        say("ok     the fold's states are in LMDB")


def check_redis(address, page):
    config = next(block for block in blocks(page, "ini") if "redis:" in block)
    command = next(block for block in blocks(page, "sh") if "redis.ini" in block)
    words = command.splitlines()[1].split()
    server = Redis("docs")
    try:
        with Program(os.environ["STELE_SHOP"], address) as program:
            os.chdir(program.folder)
            words_of = ["run", "-c", program.file("redis.ini", config.replace("127.0.0.1:6379", server.address))]
            worker = program.start(*words_of)
            wanted = blocks(page, "text")[-1].split()
            until("the hash is what the page shows", 60, lambda: [
                value and value.decode() for value in server.ask(("SELECT", words[2]), words[3:])[1]] == wanted)
            worker.ends(15).exits(0)
            program.call("snapshots", "list", "customers", "-c", "redis.ini").exits(1).says(f"is in redis:{server.address}/1 (store)")
            say("ok     the fold's states are in Redis")
    finally:
        server.stop()


def check_postgres(program, page, server):
    text = next(block for block in blocks(page, "sql") if "customers AS c" in block)
    config = next(block for block in blocks(page, "ini") if "postgres:" in block)
    config = re.sub("store = .*", f"store = postgres:{server.conninfo} password=hidden", config)
    path = program.file("postgres.ini", config)
    made = [text.replace("AS c VALUES", "AS c (customer_id, purchases, amount, last_day) VALUES"),
            text.replace("100 * :amount", "100 * :customer_id")]
    shown = blocks(page, "text")[2].splitlines()
    assert len(shown) == len(made)
    for mistake, message in zip(made, shown):
        program.file("top_customers.sql", mistake)
        program.call("run", "-c", path).exits(1).says(message)
        server.ask("DROP TABLE customers; DELETE FROM stele_projections")
    program.file("top_customers.sql", text)
    worker = program.start("run", "-c", path)
    worker.awaits("SQL projection is ready")
    until("the table has all events", 60,
          lambda: server.ask("SELECT count(*), sum(purchases), sum(cents) FROM customers") == [("2357", "6919", "24409194")])
    assert server.ask("SELECT * FROM customers WHERE customer_id = '19339'") == [("19339", "56", "655270", "1997-04-11")]
    server.kill()
    server.start()
    done = worker.ends(15).exits(0)
    assert "hidden" not in done.err, done.err
    words = ["-o", f"projection.history.store=postgres:{server.conninfo}"]
    worker = program.start("run", "-o", "projection.history.sql=journal:customer.events", *words)
    worker.awaits("SQL projection is ready")
    until("the journal has all events", 60, lambda: server.ask("SELECT count(*) FROM events") == [("6919",)])
    query = next(block for block in blocks(page, "sql") if "data ->>" in block)
    assert [row[1] for row in server.ask(query)] == ["shop.Purchase"] * 4, server.ask(query)
    worker.ends(15).exits(0)
    say("ok     PostgreSQL has the table, and the journal")


def main():
    page = content("docs/sql.md")
    broker = Broker("sql")
    server = Postgres("docs") if "--postgres" in sys.argv else None
    try:
        with Program(os.environ["STELE_PROGRAM"], broker.address) as program:
            os.symlink(os.path.join(ROOT, "examples"), os.path.join(program.folder, "examples"))
            os.chdir(program.folder)
            for check in (check_typed, check_mistakes, check_journal, check_orders):
                check(program, page)
            if server:
                check_postgres(program, page, server)
            check_fold(broker.address, page)
            if "--lmdb" in sys.argv:
                check_lmdb(broker.address, page)
            if "--redis" in sys.argv:
                check_redis(broker.address, page)
            os.chdir(ROOT)
    finally:
        broker.stop()
        if server:
            server.stop()
    print(f"{5 + bool(server) + ('--lmdb' in sys.argv) + ('--redis' in sys.argv)} passed, 0 failed")


if __name__ == "__main__":
    main()
