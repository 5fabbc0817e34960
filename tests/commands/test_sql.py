#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""SQL projections beside a program's own: waiting, stopping, threads, several sources, killed workers, `topics delete`."""

import os
import signal
import sqlite3

from commands import Probe, stele
from programs import case, run_cases, until

TABLE = """-- source: {topic}
-- setup
CREATE TABLE numbers (place TEXT PRIMARY KEY, id TEXT, number INTEGER);
-- on probe.Probed
INSERT INTO numbers VALUES (:$position, :id, :number);
-- teardown
DROP TABLE numbers;
"""


class Table(Probe):
    """A probe with a SQL projection, which the program without an application runs."""

    def __init__(self, partitions=1, text=TABLE):
        super().__init__(partitions)
        self.sql_name = f"{self.name}-sql"
        self.store = os.path.join(self.folder, "t.db")
        path = self.file("t.sql", text.format(topic=self.topic))
        self.words = ["-o", f"projection.{self.sql_name}.sql={path}",
                      "-o", f"projection.{self.sql_name}.store=sqlite:{self.store}",
                      "-o", "kafka.session.timeout.ms=2000"]
        self.plain = stele()

    def __exit__(self, *words):
        self.plain.__exit__(*words)
        super().__exit__(*words)

    def work(self, *more):
        return self.plain.start("run", *self.words, *more)

    def rows(self):
        return self.plain.call("status", self.sql_name, *self.words, "--json").exits(0).rows()

    def awaits_sql(self, state, reason="", lag=None):
        def ask():
            rows = self.rows()
            return rows and all(row["state"] == state and reason in row["reason"] and lag in (None, row["lag"])
                                for row in rows)
        try:
            until(f"{state}: {reason}", 60, ask)
        except AssertionError as failure:
            raise AssertionError(f"{failure}: {self.rows()}") from None

    def ask(self, query):
        connection = sqlite3.connect(self.store, timeout=20)
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()


@case
def a_file_of_sql_is_all_that_run_needs():
    """`stele run` fills a table, exits with 0 after SIGTERM, and goes on where it was; SIGKILL loses and doubles nothing."""
    with Table(partitions=3) as table:
        table.publish(*({"id": f"a{i}", "number": i} for i in range(50)))
        worker = table.work("-o", "worker.threads=2")
        table.awaits_sql("running", lag=0)
        worker.ends(signal.SIGTERM).exits(0).says("SQL projection is ready", "threads=2")
        assert table.ask("SELECT count(*), sum(number) FROM numbers") == [(50, 1225)]
        killed = table.work()
        table.publish(*({"id": f"b{i}", "number": 1} for i in range(2000)))
        until("some rows are there", 30, lambda: table.ask("SELECT count(*) FROM numbers") > [(100,)])
        killed.process.kill()
        killed.process.wait()
        table.work()
        table.publish(*({"id": f"c{i}", "number": 1} for i in range(100)))
        until("all rows are there", 60, lambda: table.ask("SELECT count(*), sum(number) FROM numbers") == [(2150, 3325)])


@case
def a_locked_database_is_waited_for():
    """A partition whose database another program has locked waits, says so, and goes on by itself."""
    with Table() as table:
        table.publish({"id": "a"})
        table.work()
        table.awaits_sql("running", lag=0)
        other = sqlite3.connect(table.store, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        table.publish({"id": "b"})
        table.awaits_sql("waiting", "is locked by another program")
        other.execute("ROLLBACK")
        other.close()
        table.awaits_sql("running", lag=0)
        assert table.ask("SELECT count(*) FROM numbers") == [(2,)]


@case
def a_failing_statement_stops_its_partition():
    """A row that the database refuses stops the partition with file, line and position; after a correction it goes on."""
    text = TABLE.replace("number INTEGER", "number INTEGER CHECK (number < 10)")
    with Table(text=text) as table:
        table.publish({"id": "a", "number": 5}, {"id": "b", "number": 11}, {"id": "c", "number": 6})
        worker = table.work()
        table.awaits_sql("stopped", f"t.sql:5: CHECK constraint failed: number < 10, at the event {table.topic}/0/1")
        worker.ends().exits(1)
        assert table.ask("SELECT id FROM numbers") == [("a",)]
        table.file("t.sql", text.format(topic=table.topic).replace(":id, :number", ":id, min(:number, 9)"))
        table.work()
        table.awaits_sql("running", lag=0)
        assert table.ask("SELECT id, number FROM numbers ORDER BY place") == [("a", 5), ("b", 9), ("c", 6)]


@case
def a_first_schema_is_waited_for():
    """A topic that no one has published to keeps the projection waiting for its first schema, and SIGTERM ends it with 0."""
    with Table() as table:
        worker = table.work()
        worker.awaits("waiting for a schema of probe.Probed")
        worker.ends(signal.SIGTERM, seconds=10).exits(0)
        table.work().awaits("waiting for a schema of probe.Probed")
        table.publish({"id": "a"})
        table.awaits_sql("running", lag=0)
        assert table.ask("SELECT id FROM numbers") == [("a",)]


@case
def a_database_that_is_not_the_groups_is_warned_of():
    """A worker whose file has nothing of what the group has read says so, and fills it from the beginning."""
    with Table() as table:
        table.publish({"id": "a"}, {"id": "b"})
        worker = table.work()
        table.awaits_sql("running", lag=0)
        worker.ends(signal.SIGTERM).exits(0)
        table.store = os.path.join(table.folder, "other.db")
        worker = table.work("-o", f"projection.{table.sql_name}.store=sqlite:{table.store}")
        worker.awaits("let all of them name one database")
        until("all rows are there", 30, lambda: table.ask("SELECT count(*) FROM numbers") == [(2,)])


@case
def several_topics_fill_one_table():
    """A file with two sources reads both, and its status has the partitions of both."""
    with Table() as other, Table(text=TABLE.replace("{topic}", "{topic}, " + other.topic)) as table:
        table.publish({"id": "a"}, {"id": "b"})
        other.publish({"id": "c"})
        table.work()
        table.awaits_sql("running", lag=0)
        until("all rows are there", 30, lambda: table.ask("SELECT id FROM numbers ORDER BY id") == [("a",), ("b",), ("c",)])
        assert {row["topic"] for row in table.rows()} == {table.topic, other.topic}


@case
def a_program_runs_both_kinds():
    """An application's program runs a SQL projection beside its own fold."""
    with Table() as table:
        table.publish({"id": "a", "number": 2}, {"id": "a", "number": 3})
        table.worker(*table.words)
        table.awaits_end()
        table.awaits_sql("running", lag=0)
        assert table.ask("SELECT sum(number) FROM numbers") == [(5,)]
        state = table.call("state", table.name, "a").exits(0).rows()
        assert state[0]["state"]["total"] == 5, state


@case
def a_fold_keeps_its_states_in_a_table():
    """A fold with a store: rows instead of a snapshots topic, kept by whoever is killed, and taken away with the topic."""
    with Probe(partitions=2) as probe:
        store = os.path.join(probe.folder, "states.db")
        words = ["-o", f"projection.{probe.name}.store=sqlite:{store}", "-o", f"projection.{probe.name}.snapshot_interval_ms=100",
                 "-o", "kafka.session.timeout.ms=2000"]

        def totals(query=f'SELECT stele_id, total FROM "{probe.name}" ORDER BY 1'):
            connection = sqlite3.connect(store, timeout=20)
            try:
                return connection.execute(query).fetchall()
            finally:
                connection.close()

        probe.publish({"id": "a", "number": 2}, {"id": "b", "number": 7}, {"id": "a", "number": 3})
        killed = probe.worker(*words)
        probe.awaits_end()
        until("the table has the states", 30, lambda: os.path.exists(store) and totals() == [("a", 5), ("b", 7)])
        killed.process.kill()
        killed.process.wait()
        probe.publish({"id": "b", "number": 1})
        worker = probe.worker(*words)
        until("the table has the new state", 30, lambda: totals() == [("a", 5), ("b", 8)])
        worker.ends(signal.SIGTERM).exits(0)
        assert totals(f'SELECT sum(stele_version), count(DISTINCT stele_topic) FROM "{probe.name}"') == [(4, 1)]
        done = probe.call("topics", "delete", probe.name, "--yes", "--force", *words).exits(0)
        done.says(f"took {probe.name} out of its database")
        assert totals("SELECT count(*) FROM stele_positions") == [(0,)]


@case
def topics_delete_takes_the_table_away():
    """`topics delete` runs the teardown and forgets the position, so that the file serves the topic made anew."""
    with Table() as table:
        table.publish({"id": "a"})
        worker = table.work()
        table.awaits_sql("running", lag=0)
        worker.ends(signal.SIGTERM).exits(0)
        table.plain.call("topics", "delete", table.name, "--yes", "--force", *table.words).exits(0).says(
            f"took {table.sql_name} out of its database")
        assert table.ask("SELECT count(*) FROM sqlite_schema WHERE name = 'numbers'") == [(0,)]
        table.create(1)
        table.publish({"id": "b"}, {"id": "c"})
        table.work()
        table.awaits_sql("running", lag=0)
        assert table.ask("SELECT id FROM numbers") == [("b",), ("c",)]


@case
def mistakes_in_the_configuration_are_named():
    """A store that is none, a file that is not there, a name that the program has already: each is said with its place."""
    with Table() as table:
        table.publish({"id": "a"})
        done = table.plain.call("run", *table.words, "-o", f"projection.{table.sql_name}.store=t.db").exits(1)
        done.says(f"-o: [projection {table.sql_name}] store: it names no database: write sqlite:PATH")
        table.plain.call("run", "-o", "projection.x.sql=nowhere.sql").exits(1).says("nowhere.sql")
        done = table.plain.call("run", *table.words, "-o", f"projection.{table.sql_name}.store=sqlite:/nowhere/t.db")
        done.exits(1).says("/nowhere/t.db cannot be made or opened")
        table.call("run", "-o", f"projection.{table.name}.sql={table.words[1].split('=')[1]}").exits(1).says(
            "has a projection of that name already")
        table.plain.call("run", "-o", "projection.x.commit_rows=5").exits(1).says("one in SQL has its file in sql = …")


if __name__ == "__main__":
    run_cases(globals())
