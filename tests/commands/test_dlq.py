#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`dlq` of a projection: events that are set aside, shown, tried again, discarded, and set aside on purpose."""

import signal
import sqlite3
import tempfile

from commands import Probe, stele
from programs import case, run_cases, until

GOOD, BAD, LATER, OTHER = ({"id": "a", "number": 2}, {"id": "a", "number": -1}, {"id": "a", "number": 4},
                           {"id": "b", "number": 8})


def refusing(probe, refuses=True):
    """From now on its workers refuse numbers below 0, or do not."""
    probe.env.pop("STELE_TEST_REFUSES", None)
    if refuses:
        probe.env["STELE_TEST_REFUSES"] = "1"


def parking(probe):
    return f"projection.{probe.name}.on_failure=park"


def states(probe):
    """Totals by aggregate, with their versions."""
    rows = probe.call("state", probe.name, "--all", "-o", parking(probe)).exits(0).rows()
    return {row["id"]: (row["state"]["total"], row["version"]) for row in rows}


def letters(probe, count, *words):
    """The letters, once there are so many."""
    found = []

    def ask():
        found[:] = probe.call("dlq", "list", probe.name, *words).exits(0).rows()
        return len(found) == count
    until(f"{count} events are set aside", 60, ask)
    return found


def with_letters(probe):
    """A probe whose worker has set aside two events, and runs."""
    refusing(probe)
    probe.publish(GOOD, BAD, LATER, OTHER)
    worker = probe.worker("-o", parking(probe))
    probe.awaits_end()
    return worker, letters(probe, 2)


@case
def what_is_refused_is_set_aside_in_order():
    """An event that is refused goes into the dead letters with all behind it; others go on; all of it is shown."""
    with Probe() as probe:
        worker, found = with_letters(probe)
        assert [(row["code"], row["position"], row["id"], row["data"]["number"]) for row in found] == [
            ("refused", f"{probe.topic}/0/1", "a", -1), ("behind", f"{probe.topic}/0/2", "a", 4)], found
        assert "less than nothing" in found[0]["reason"] and found[0]["attempts"] == 3, found
        assert states(probe) == {"a": (2, 1), "b": (8, 1)}
        probe.awaits("status tells of them", lambda row: row["parked"] == {"aggregates": 1, "events": 2}
                     and "are set aside" in row["reason"])
        shown = probe.call("dlq", "show", probe.name, "0:1").exits(0).rows()[0]
        assert shown["value"].startswith("00") and "ce_id" in shown["headers"], shown
        assert stele().call("dlq", "list", probe.name).exits(0).rows() == found
        verified = probe.call("snapshots", "verify", probe.name, "-o", parking(probe)).exits(0)
        verified.says("2 of the events are set aside", " 0 differences")
        worker.ends(signal.SIGTERM).exits(0)


@case
def a_redrive_is_carried_out_by_the_worker():
    """A running worker tries again, and stops at the first that is refused again; one that refuses no more applies all."""
    with Probe() as probe:
        worker, _ = with_letters(probe)
        again = probe.call("dlq", "redrive", probe.name, "--key", "a").exits(3).rows()
        assert [(row["outcome"], row["position"]) for row in again] == [("refused", f"{probe.topic}/0/1")], again
        worker.ends(signal.SIGTERM).exits(0)
        refusing(probe, False)
        worker = probe.worker("-o", parking(probe))
        probe.awaits_end()  # the order is there still: whoever takes the partition tries again, once
        letters(probe, 0)
        assert states(probe) == {"a": (5, 3), "b": (8, 1)}
        worker.ends(signal.SIGTERM).exits(0)


@case
def an_order_waits_for_a_worker():
    """Without a worker an order waits for the next one."""
    with Probe() as probe:
        worker, _ = with_letters(probe)
        worker.ends(signal.SIGTERM).exits(0)
        probe.call("dlq", "redrive", probe.name, "--all").exits(0).prints("ordered", "no worker runs")
        refusing(probe, False)
        worker = probe.worker("-o", parking(probe))
        letters(probe, 0)
        assert states(probe) == {"a": (5, 3), "b": (8, 1)}
        probe.call("dlq", "redrive", probe.name, "--all").exits(1).says("no such event")
        worker.ends(signal.SIGTERM).exits(0)


@case
def an_order_to_what_is_paused_waits():
    """While the projection is paused, an order is taken and not carried out; then it is."""
    with Probe() as probe:
        worker, _ = with_letters(probe)
        probe.call("pause", probe.name, "--timeout", "60").exits(0)
        probe.call("dlq", "discard", probe.name, "0:1", "--reason", "sent twice").exits(0).prints("after `resume`")
        letters(probe, 2)
        probe.call("resume", probe.name, "--timeout", "60").exits(0)
        letters(probe, 0)
        worker.ends(signal.SIGTERM).exits(0)


@case
def what_is_discarded_is_left_out():
    """A discarded event counts and changes nothing; its reason is kept; those behind it are applied."""
    with Probe() as probe:
        worker, _ = with_letters(probe)
        probe.call("dlq", "discard", probe.name, "0:1").exits(2).says("--reason")
        done = probe.call("dlq", "discard", probe.name, "0:1", "--reason", "sent twice").exits(0).rows()
        assert [(row["outcome"], row["reason"]) for row in done] == [("discarded", "sent twice")], done
        letters(probe, 0)
        kept = letters(probe, 1, "--code", "discarded")
        assert kept[0]["reason"] == "sent twice", kept
        assert states(probe) == {"a": (6, 3), "b": (8, 1)}
        probe.call("snapshots", "verify", probe.name, "-o", parking(probe)).exits(0)
        worker.ends(signal.SIGTERM).exits(0)


@case
def an_event_that_stops_its_partition_is_set_aside():
    """Where a failure stops the partition, the message says the way out, and `dlq park` is it."""
    with Probe() as probe:
        refusing(probe)
        probe.publish(GOOD, BAD, OTHER)
        worker = probe.worker()
        row = probe.awaits_state("stopped", "or set it aside: `dlq park`")
        assert f"{probe.topic}/0/1" in row["reason"], row
        worker.ends().exits(1)
        probe.call("dlq", "park", probe.name, "0:1").exits(2).says("--reason")
        probe.call("dlq", "park", probe.name, "7:1", "--reason", "x").exits(1).says("no position")
        done = probe.call("dlq", "park", probe.name, f"{probe.topic}/0/1", "--reason", "ticket 4711").exits(0).rows()
        assert done[0]["outcome"] == "ordered", done
        worker = probe.worker()
        probe.awaits_end()
        found = letters(probe, 1)
        assert found[0]["reason"] == "ticket 4711" and found[0]["position"] == f"{probe.topic}/0/1", found
        assert states(probe) == {"a": (2, 1), "b": (8, 1)}
        worker.ends(signal.SIGTERM).exits(0)


@case
def who_orders_sees_what_came_of_it():
    """An event behind another is set aside by order; one that was applied, or is not there, is none for an order."""
    with Probe() as probe:
        worker, _ = with_letters(probe)
        done = probe.call("dlq", "park", probe.name, "0:2", "--reason", "not now").exits(0).rows()
        assert [(row["outcome"], row["reason"]) for row in done] == [("parked", "not now")], done
        done = probe.call("dlq", "park", probe.name, "0:0", "--reason", "too late").exits(1).rows()
        assert [row["outcome"] for row in done] == ["applied"] and "nothing is done" in done[0]["reason"], done
        done = probe.call("dlq", "discard", probe.name, "0:0", "--reason", "too late").exits(1).rows()
        assert [row["outcome"] for row in done] == ["applied"], done
        probe.call("dlq", "park", probe.name, "0:99", "--reason", "too soon").exits(1).says("there is no event at")
        worker.ends(signal.SIGTERM).exits(0)
        refusing(probe, False)
        worker = probe.worker("-o", parking(probe))
        probe.awaits_end()
        done = probe.call("dlq", "redrive", probe.name, "--key", "a").exits(3).rows()
        assert [(row["position"], row["outcome"], row["reason"]) for row in done] == [
            (f"{probe.topic}/0/1", "applied", None), (f"{probe.topic}/0/2", "refused", "not now")], done
        done = probe.call("dlq", "redrive", probe.name, "0:2").exits(0).rows()
        assert [row["outcome"] for row in done] == ["applied"], done
        assert states(probe) == {"a": (5, 3), "b": (8, 1)}
        worker.ends(signal.SIGTERM).exits(0)


@case
def a_full_set_waits_for_room():
    """Where as many are set aside as may be, the partition waits, says so, and goes on when there is room."""
    with Probe() as probe:
        refusing(probe)
        probe.publish(BAD, {"id": "b", "number": -2}, {"id": "c", "number": 7})
        worker = probe.worker("-o", parking(probe), "-o", f"projection.{probe.name}.parked_max=1")
        probe.awaits_state("waiting", "which is parked_max: see `dlq list")
        probe.call("dlq", "discard", probe.name, "0:0", "--reason", "sent twice").exits(0).prints("discarded")
        probe.awaits_end()
        assert states(probe)["c"] == (7, 1)
        worker.ends(signal.SIGTERM).exits(0)


@case
def letters_of_a_table_are_in_its_database():
    """Where states are a table, so are the letters; list, redrive, discard and park are the same."""
    with Probe() as probe, tempfile.TemporaryDirectory() as folder:
        store = ("-o", f"projection.{probe.name}.store=sqlite:{folder}/states.db")
        refusing(probe)
        probe.call("dlq", "list", probe.name, *store).exits(1).says("it is made by the first worker")
        probe.publish(GOOD, BAD, LATER, OTHER)
        worker = probe.worker("-o", parking(probe), *store)
        probe.awaits_end()
        found = letters(probe, 2, *store)
        assert [(row["code"], row["position"]) for row in found] == [
            ("refused", f"{probe.topic}/0/1"), ("behind", f"{probe.topic}/0/2")], found
        rows = list(sqlite3.connect(f"{folder}/states.db").execute(
            "SELECT event_offset, aggregate_id, code, attempts FROM stele_letters ORDER BY 1"))
        assert rows == [(1, "a", "refused", 3), (2, "a", "behind", 0)], rows
        stele().call("dlq", "list", probe.name).exits(1).says("store = ")
        probe.call("dlq", "show", probe.name, "0:1", *store).exits(0).prints("ce_id")
        probe.call("dlq", "redrive", probe.name, "--all", *store).exits(3).prints("refused")
        worker.ends(signal.SIGTERM).exits(0)
        refusing(probe, False)
        worker = probe.worker("-o", parking(probe), *store)
        letters(probe, 0, *store)
        probe.call("dlq", "park", probe.name, "0:1", "--reason", "x", *store).exits(1).prints("applied")
        worker.ends(signal.SIGTERM).exits(0)
        refusing(probe)
        probe.publish(BAD, LATER)
        worker = probe.worker("-o", parking(probe), *store)
        letters(probe, 2, *store)
        probe.call("dlq", "discard", probe.name, "0:4", "--reason", "x", *store).exits(0).prints("discarded")
        letters(probe, 0, *store)
        refusing(probe, False)
        shown = probe.call("state", probe.name, "a", "-o", parking(probe), *store).exits(0).rows()
        assert (shown[0]["state"]["total"], shown[0]["version"]) == (9, 5), shown
        rows = list(sqlite3.connect(f"{folder}/states.db").execute(
            f'SELECT stele_id, stele_version, total FROM "{probe.name}" ORDER BY 1'))
        assert rows == [("a", 5, 9), ("b", 1, 8)], rows
        worker.ends(signal.SIGTERM).exits(0)


ROWS = """-- source: {topic}
-- setup
CREATE TABLE numbers (id TEXT, number INTEGER);
CREATE TABLE least (number INTEGER);
INSERT INTO least VALUES (0);
CREATE TRIGGER too_small BEFORE INSERT ON numbers WHEN NEW.number < (SELECT number FROM least)
BEGIN SELECT RAISE(ABORT, 'it is too small'); END;
-- on probe.Probed
INSERT INTO numbers VALUES (:id, :number);
"""


@case
def letters_of_a_sql_projection_are_in_its_database():
    """What the database refuses is set aside with all behind it, the rest of the transaction is stored; a redrive puts it in order."""
    with Probe() as probe, stele() as plain, tempfile.TemporaryDirectory() as folder:
        name, file = f"{probe.name}-sql", f"{folder}/rows.db"
        words = ("-o", f"projection.{name}.sql={probe.file('rows.sql', ROWS.format(topic=probe.topic))}",
                 "-o", f"projection.{name}.store=sqlite:{file}")

        def dlq(*more):
            return plain.call("dlq", *more, *words)

        def ask(query):
            connection = sqlite3.connect(file, timeout=20)
            with connection:
                return connection.execute(query).fetchall()

        probe.publish(GOOD, BAD, OTHER, LATER)
        worker = plain.start("run", *words, "-o", f"projection.{name}.on_failure=park")
        plain.call("wait", name, f"{probe.topic}/0/3", "--timeout", "60", *words).exits(0)
        found = dlq("list", name).exits(0).rows()
        assert [(row["code"], row["position"], row["data"]["number"]) for row in found] == [
            ("refused", f"{probe.topic}/0/1", -1), ("behind", f"{probe.topic}/0/3", 4)], found
        assert "it is too small" in found[0]["reason"] and found[0]["attempts"] == 3, found
        assert ask("SELECT * FROM numbers") == [("a", 2), ("b", 8)]
        letters_there = ask("SELECT event_offset, aggregate_id, code, reason, attempts, first_failed_at FROM stele_letters "
                            "ORDER BY topic, part, event_offset")
        assert [row[:3] for row in letters_there] == [(1, "a", "refused"), (3, "a", "behind")], letters_there
        dlq("redrive", name, "--all").exits(3).prints("refused", "it is too small")
        ask("UPDATE least SET number = -10")
        done = dlq("redrive", name, "--key", "a").exits(0).rows()
        assert [row["outcome"] for row in done] == ["applied", "applied"], done
        assert ask("SELECT * FROM numbers") == [("a", 2), ("b", 8), ("a", -1), ("a", 4)]
        worker.ends(signal.SIGTERM).exits(0)


if __name__ == "__main__":
    run_cases(globals())
