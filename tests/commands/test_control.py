#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`pause`, `resume` and `reset`: what a projection's workers are ordered, and what they say of it."""

import json
import os
import signal
import sqlite3
import urllib.request

from commands import Probe, stele
from programs import case, run_cases, until

TABLE = """-- source: {topic}
-- setup
CREATE TABLE numbers (id TEXT, number INTEGER);
-- on probe.Probed
INSERT INTO numbers VALUES (:id, :number);
"""


def paused(probe, reason=""):
    """Until both partitions are paused; their rows."""
    def ask():
        rows = probe.status()
        return rows if rows and all(row["state"] == "paused" and row["reason"] == reason for row in rows) else None
    return until("all partitions are paused", 60, ask)


def total(probe, id):
    return probe.call("state", probe.name, id).exits(0).rows()[0]["state"]["total"]


@case
def a_pause_outlives_workers_and_takeovers():
    """Two workers pause; one that starts, and one that takes over from a killed one, are paused; then all go on."""
    with Probe(partitions=2) as probe:
        ids = [f"a{number}" for number in range(12)]
        probe.publish(*({"id": id, "number": 1} for id in ids))
        first, second = probe.worker(), probe.worker()
        probe.awaits_end(0)
        probe.awaits_end(1)
        probe.call("pause", probe.name, "--reason", "moving house", "--timeout", "60").exits(0).prints("2 partitions")
        probe.call("pause", probe.name, "--reason", "moving house", "--timeout", "30").exits(0).prints("2 partitions")
        rows = paused(probe, "moving house")
        since = [row["state_age_ms"] for row in rows]
        probe.publish(*({"id": id, "number": 10} for id in ids))
        first.ends(signal.SIGKILL)
        second.ends(signal.SIGTERM).exits(0)
        third = probe.worker()
        rows = paused(probe, "moving house")
        assert all(row["state_age_ms"] > age for row, age in zip(rows, since)), (rows, since)
        assert sum(row["lag"] for row in rows) == 12 and "paused" in probe.call("status", probe.name).exits(0).out
        probe.call("status", probe.name, "--check").exits(0)
        probe.call("resume", probe.name, "--timeout", "60").exits(0).prints("is resumed: 2 partitions")
        until("both partitions are at their ends", 60, lambda: all(
            row["state"] == "running" and row["lag"] == 0 for row in probe.status()))
        assert [total(probe, id) for id in ids] == [11] * 12
        third.ends(signal.SIGTERM).exits(0)


@case
def what_is_paused_answers_with_what_it_has():
    """Over HTTP a paused projection is answered at once, with its state as it is; `wait` is not."""
    with Probe() as probe:
        probe.publish({"id": "a", "number": 1})
        worker = probe.worker("-o", "http.listen=127.0.0.1:0")
        probe.awaits_end()
        address = until("it listens", 30, lambda: next(
            (word for word in worker.err.replace("=", " ").split() if word.startswith("127.0.0.1:")), None))
        probe.call("pause", probe.name, "--timeout", "60").exits(0)
        probe.publish({"id": "a", "number": 10})

        def get(path):
            with urllib.request.urlopen(f"http://{address}/projections/{probe.name}{path}", timeout=20) as reply:
                return json.load(reply)
        assert get("/a")["total"] == 1
        probe.call("wait", probe.name, f"{probe.topic}/0/1", "--timeout", "2").exits(1).says("paused")
        probe.call("resume", probe.name, "--timeout", "60").exits(0)
        assert get(f"/a?wait={probe.topic}/0/1")["total"] == 11
        worker.ends(signal.SIGTERM).exits(0)


@case
def an_order_before_the_first_worker_stands():
    """Without a worker the order waits for one; a name that no one has is refused."""
    with Probe() as probe:
        probe.publish({"id": "a", "number": 1})
        probe.call("pause", probe.name, "--json").exits(0).prints('"state":"paused","partitions":0')
        probe.call("pause", probe.name).exits(0).prints("no worker of it runs")
        worker = probe.worker()
        assert probe.awaits_state("paused", "")["position"] == 0
        probe.call("resume", probe.name, "--timeout", "60").exits(0)
        probe.awaits_end()
        probe.call("resume", probe.name).exits(0)
        stele().call("pause", "nobody-knows-it").exits(1).says("there is no projection")
        probe.call("pause", probe.name, "--reason", "x" * 300).exits(2).says("at most 200")
        worker.ends(signal.SIGTERM).exits(0)


@case
def a_worker_that_does_not_answer_is_named():
    """A worker that is frozen has not said that it is paused, and the command says which one."""
    with Probe() as probe:
        probe.publish({"id": "a", "number": 1})
        worker = probe.worker()
        probe.awaits_end()
        worker.signal(signal.SIGSTOP)
        probe.call("pause", probe.name, "--timeout", "2").exits(1).says(
            "1 of 1 partitions", f"{probe.topic}/0", "the order stands")
        worker.signal(signal.SIGCONT)
        probe.awaits_state("paused", "")
        worker.ends(signal.SIGTERM).exits(0)


@case
def tables_are_paused_too():
    """A SQL projection stores nothing while it is paused, and everything after it."""
    with Probe() as probe:
        name, store = f"{probe.name}-sql", os.path.join(probe.folder, "t.db")
        words = ["-o", f"projection.{name}.sql={probe.file('t.sql', TABLE.format(topic=probe.topic))}",
                 "-o", f"projection.{name}.store=sqlite:{store}"]

        def count():
            connection = sqlite3.connect(store, timeout=20)
            rows = connection.execute("SELECT count(*) FROM numbers").fetchone()[0]
            connection.close()
            return rows
        with stele() as plain:
            worker = plain.start("run", *words)
            probe.publish({"id": "a", "number": 1})
            plain.call("wait", name, f"{probe.topic}/0/0", "--timeout", "60").exits(0)
            plain.call("pause", name, *words, "--timeout", "60").exits(0).prints("1 partition")
            probe.publish({"id": "a", "number": 2})
            worker.ends(signal.SIGTERM).exits(0)
            plain.start("run", *words)
            until("the next worker is paused", 60, lambda: [row["state"] for row in plain.call(
                "status", name, "--json").exits(0).rows()] == ["paused"])
            assert count() == 1
            plain.call("resume", name, *words, "--timeout", "60").exits(0)
            plain.call("wait", name, f"{probe.topic}/0/1", "--timeout", "60").exits(0)
            assert count() == 2



class Table:
    """A SQL projection over a probe's events, in a file of SQLite."""

    def __init__(self, probe, head=""):
        self.probe, self.name = probe, f"{probe.name}-sql"
        self.store = os.path.join(probe.folder, "t.db")
        self.words = ["-o", f"projection.{self.name}.store=sqlite:{self.store}"]
        self.write(head)

    def write(self, head, script=TABLE):
        path = self.probe.file("t.sql", head + script.format(topic=self.probe.topic) + "-- teardown\nDROP TABLE numbers;\n")
        self.words[2:] = ["-o", f"projection.{self.name}.sql={path}"]

    def ask(self, query="SELECT count(*), sum(number) FROM numbers"):
        connection = sqlite3.connect(self.store, timeout=20)
        row = connection.execute(query).fetchone()
        connection.close()
        return row

    def awaits(self, row):
        until(f"the table has {row}", 60, lambda: self.ask() == row)


@case
def states_are_made_again():
    """A reset drops the states and makes them again, while workers run and when none does; nothing counts twice."""
    with Probe(partitions=2) as probe:
        ids = [f"a{number}" for number in range(12)]
        probe.publish(*({"id": id, "number": 1} for id in ids))
        first, second = probe.worker(), probe.worker()
        probe.awaits_end(0)
        probe.awaits_end(1)
        probe.call("reset", probe.name, "--to", "beginning").exits(2).says("--yes")
        probe.call("reset", probe.name, "--to", "7", "--yes").exits(1).says("count twice", "--to beginning")
        probe.call("reset", probe.name, "--to", "soon", "--yes").exits(2).says("expected beginning")
        done = probe.call("reset", probe.name, "--to", "beginning", "--yes", "--timeout", "60").exits(0)
        done.prints("is reset: 2 partitions")
        probe.publish(*({"id": id, "number": 10} for id in ids))

        def are_made():
            rows = probe.status()
            return rows and all(row["state"] == "running" and row["lag"] == 0 for row in rows)
        until("all is applied again", 60, are_made)
        assert [total(probe, id) for id in ids] == [11] * 12
        first.ends(signal.SIGTERM).exits(0)
        second.ends(signal.SIGTERM).exits(0)
        verified = probe.call("snapshots", "verify", probe.name).exits(0)
        verified.says(" 0 differences")
        probe.call("reset", probe.name, "--to", "beginning", "--yes").exits(0).prints("no worker of it runs")
        third = probe.worker()
        until("the next worker makes them", 60, are_made)
        third.ends(signal.SIGTERM).exits(0)
        assert [total(probe, id) for id in ids] == [11] * 12


@case
def tables_are_made_again():
    """A reset takes a projection's tables away and makes them again; with another setup, too."""
    with Probe() as probe, stele() as plain:
        table = Table(probe)
        probe.publish({"id": "a", "number": 1}, {"id": "b", "number": 2})
        worker = plain.start("run", *table.words)
        plain.call("wait", table.name, f"{probe.topic}/0/1", "--timeout", "60").exits(0)
        table.awaits((2, 3))
        refused = plain.call("reset", table.name, *table.words, "--to", "1", "--yes").exits(1)
        refused.says("count twice", "-- repeatable: yes")
        plain.call("reset", table.name, *table.words, "--to", "beginning", "--yes", "--timeout", "60").exits(0)
        table.awaits((2, 3))
        probe.publish({"id": "c", "number": 4})
        table.awaits((3, 7))
        worker.ends(signal.SIGTERM).exits(0)
        table.write("", TABLE.replace("number INTEGER)", "number INTEGER, note TEXT DEFAULT 'new')").replace(
            "INTO numbers", "INTO numbers (id, number)"))
        plain.call("run", *table.words).exits(1).says("raise the projection's version")
        plain.call("reset", table.name, *table.words, "--to", "beginning", "--yes").exits(0)
        plain.start("run", *table.words)
        until("the new tables are made", 60, lambda: table.ask(
            "SELECT count(*) FROM sqlite_master WHERE sql LIKE '%note%'") == (1,))
        table.awaits((3, 7))


@case
def rows_that_may_come_again_stay():
    """A table whose statements may be executed again goes back to an offset, or a time, and keeps its rows."""
    with Probe() as probe, stele() as plain:
        table = Table(probe)
        table.write("-- repeatable: yes\n", TABLE.replace("id TEXT,", "id TEXT PRIMARY KEY,").replace(
            "INSERT", "INSERT OR REPLACE"))
        probe.publish(*({"id": f"a{number}", "number": number} for number in range(5)))
        plain.start("run", *table.words)
        plain.call("wait", table.name, f"{probe.topic}/0/4", "--timeout", "60").exits(0)
        connection = sqlite3.connect(table.store, timeout=20)
        connection.execute("DELETE FROM numbers WHERE id IN ('a1', 'a3', 'a4')")
        connection.commit()
        connection.close()
        plain.call("reset", table.name, *table.words, "--to", "3", "--yes", "--timeout", "60").exits(0)
        table.awaits((4, 9))
        plain.call("reset", table.name, *table.words, "--to", "2020-01-01T00:00:00Z", "--yes", "--timeout", "60").exits(0)
        table.awaits((5, 10))


@case
def a_folds_table_is_made_again():
    """States that are rows of a table are made again in it."""
    with Probe() as probe:
        store = ["-o", f"projection.{probe.name}.store=sqlite:{os.path.join(probe.folder, 's.db')}"]
        probe.publish({"id": "a", "number": 1}, {"id": "a", "number": 2})
        worker = probe.worker(*store)
        probe.awaits_end()

        def totals():
            connection = sqlite3.connect(os.path.join(probe.folder, "s.db"), timeout=20)
            rows = connection.execute(f'SELECT total FROM "{probe.name}"').fetchall()
            connection.close()
            return rows
        until("it has the state", 60, lambda: totals() == [(3,)])
        probe.call("pause", probe.name, "--timeout", "60").exits(0)
        probe.call("resume", probe.name, "--timeout", "60").exits(0)
        probe.call("reset", probe.name, "--to", "beginning", "--yes").exits(1).says("if a database has what it made, name")
        probe.call("reset", probe.name, *store, "--to", "beginning", "--yes", "--timeout", "60").exits(0)
        until("it has the state again", 60, lambda: totals() == [(3,)])
        probe.publish({"id": "a", "number": 4})
        until("and goes on", 60, lambda: totals() == [(7,)])
        worker.ends(signal.SIGTERM).exits(0)


@case
def a_folds_table_stays_as_it_is_once_paused_is_said():
    """What its worker had read and not written yet is written before `pause` ends."""
    with Probe() as probe:
        store = ["-o", f"projection.{probe.name}.store=sqlite:{os.path.join(probe.folder, 's.db')}",
                 "-o", f"projection.{probe.name}.snapshot_interval_ms=600000"]
        worker = probe.worker(*store)
        probe.publish({"id": "a", "number": 1}, {"id": "a", "number": 2})
        probe.awaits_end()

        probe.call("pause", probe.name, "--timeout", "60").exits(0)

        connection = sqlite3.connect(os.path.join(probe.folder, "s.db"), timeout=20)
        assert connection.execute(f'SELECT total FROM "{probe.name}"').fetchall() == [(3,)]
        connection.close()
        worker.ends(signal.SIGTERM).exits(0)


if __name__ == "__main__":
    run_cases(globals())
