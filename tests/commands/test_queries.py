#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""States of a projection over HTTP: any instance is asked, the one that has it in memory answers, and what was written before
is in the answer."""

import concurrent.futures
import http.client
import json
import re
import signal
import time
import urllib.parse

from commands import Probe, meddle
from programs import case, run_cases, until

PARTITIONS = 4


class Serving:
    """One instance."""

    def __init__(self, probe):
        self.running = probe.worker("-o", "http.listen=127.0.0.1:0")
        self.running.awaits("serving HTTP")
        self.port = int(re.search(r"serving HTTP.*address=127\.0\.0\.1:(\d+)", self.running.err).group(1))

    def ask(self, path, **fields):
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            client.request("GET", path, headers={name.replace("_", "-"): text for name, text in fields.items()})
            answer = client.getresponse()
            text = answer.read().decode()
            return answer.status, json.loads(text) if text else None, answer.getheader("ETag")
        finally:
            client.close()

    def state(self, probe, id, **fields):
        return self.ask(f"/projections/{probe.name}/{urllib.parse.quote(id, safe='')}", **fields)

    def pages(self, probe, **parameters):
        """Every state, page after page."""
        path = f"/projections/{probe.name}?{urllib.parse.urlencode(parameters)}"
        deadline = time.monotonic() + 60
        while path:
            status, page, _ = self.ask(path)
            if status == 503 and time.monotonic() < deadline:  # a partition is on its way to another instance
                time.sleep(0.1)
                continue
            assert status == 200, page
            yield page["states"]
            path = page.get("next")


def shared(probe):
    """Two instances, each of which has some partitions."""
    first, second = Serving(probe), Serving(probe)

    def are_shared():
        rows = probe.status()
        return (len({row["instance"] for row in rows}) == 2 and len(rows) == PARTITIONS
                and all(row["state"] == "running" for row in rows))
    until("both have some partitions", 60, are_shared)
    return first, second


@case
def what_was_written_is_read():
    """A state has the event that was published before the question, whichever instance is asked."""
    with Probe(partitions=PARTITIONS) as probe:
        both = shared(probe)
        for number in range(1, 6):
            ids = [f"a/{index} ä" for index in range(8)]
            probe.publish(*({"id": id, "number": number} for id in ids))
            for id in ids:
                for each in both:
                    status, state, tag = each.state(probe, id)
                    assert (status, state["total"], tag) == (200, sum(range(number + 1)), f'"v1-{number}"'), (status, state, tag)
        status, state, tag = both[0].state(probe, ids[0], If_None_Match='"5", W/"v1-5"')
        assert (status, state, tag) == (304, None, '"v1-5"')
        status, state, _ = both[0].state(probe, ids[0], If_None_Match='"5", "v2-5"')
        assert (status, state["total"]) == (200, 15)  # of another version it would be another state
        place = probe.call("history", probe.name, ids[3]).exits(0).rows()[-1]["position"]
        for each in both:
            status, state, _ = each.ask(f"/projections/{probe.name}/{urllib.parse.quote(ids[3], safe='')}?wait={place}")
            assert (status, state["total"]) == (200, 15)
            states = [state for page in each.pages(probe, limit=1000, wait=place) for state in page]
            assert {state["id"]: state["data"]["total"] for state in states} == {id: 15 for id in ids}, states


@case
def all_states_come_page_by_page():
    """Pages have every id once, in order within a partition, with and without a prefix, from either instance."""
    with Probe(partitions=PARTITIONS) as probe:
        both = shared(probe)
        ids = sorted([f"{letter}{number:03}" for letter in "ab" for number in range(100)] + ["a.1/2%3 +ä", "b\U0001F980", "a'\"\\"])
        probe.publish(*({"id": id, "number": 1} for id in ids))
        for each in both:
            for prefix, limit in (("", 7), ("b", 30), ("b05", 1), ("a", 1), ("b\U0001F980", 7), ("", 1000)):
                pages = list(each.pages(probe, prefix=prefix, limit=limit))
                seen = [state["id"] for page in pages for state in page]
                assert sorted(seen) == [id for id in ids if id.startswith(prefix)], (prefix, limit, seen)
                assert all(len(page) <= limit for page in pages)
                assert sum(earlier > later for earlier, later in zip(seen, seen[1:])) < PARTITIONS
                assert all(state["version"] == 1 and state["data"]["total"] == 1 for page in pages for state in page)
        assert not any(both[0].pages(probe, prefix="c"))


def check_gone(number):
    with Probe(partitions=PARTITIONS) as probe:
        first, second = shared(probe)
        ids = [f"a{index}" for index in range(20)]
        probe.publish(*({"id": id, "number": 3} for id in ids))
        second.running.signal(number)
        begun = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda id: first.state(probe, id), ids))
        assert time.monotonic() - begun < 20  # two seconds for the first ones, and what reading the topics takes
        assert all(status == 200 and state["total"] == 3 for status, state, _ in answers), answers


@case
def a_killed_instance_is_not_waited_for():
    """What a killed instance had in memory is read from the topics, until another has it."""
    check_gone(signal.SIGKILL)


@case
def a_frozen_instance_is_not_waited_for():
    """The same where it is frozen, and takes connections still."""
    check_gone(signal.SIGSTOP)


@case
def a_stopped_partition_says_why():
    """Of a partition that needs a person nothing is read from the topics: the answer has the reason."""
    with Probe(partitions=PARTITIONS) as probe:
        both = shared(probe)
        probe.publish(*({"id": f"a{index}"} for index in range(20)))
        for partition in range(PARTITIONS):
            probe.awaits_end(partition)
        meddle("put", probe.topic, 0, "=a0", "=no event")
        probe.awaits_state("stopped", "wire format")
        for each in both:
            until("it is known", 20, lambda: each.ask(f"/projections/{probe.name}")[0] == 503)
            status, problem, _ = each.ask(f"/projections/{probe.name}")
            assert (status, problem["code"]) == (503, "stopped") and "wire format" in problem["detail"], problem
            answers = [each.state(probe, f"a{index}")[:2] for index in range(20)]
            assert {status for status, _ in answers} == {200, 503}, answers
            assert all(body["code"] == "stopped" for status, body in answers if status == 503), answers


@case
def what_is_wrong_is_said():
    """Unknown projections, ids without events, parameters that are none: each has its status and its code."""
    with Probe() as probe:
        serving = Serving(probe)
        probe.publish({"id": "a"})
        probe.awaits_end()
        states = f"/projections/{probe.name}"
        for path, status, code, part in (
                ("/projections/other", 404, "unknown_projection", probe.name),
                (f"{states}/b", 404, "not_found", 'no event of "b"'),
                (f"{states}/a?wait=7", 400, "bad_request", f"{probe.topic}/0/120"),
                (f"{states}/a?wait={probe.topic}/1/0", 400, "bad_request", "below 1"),
                (f"{states}/a?wait=other.events/0/0", 400, "bad_request", probe.topic),
                (f"{states}/a?at=now", 400, "bad_request", "there is no parameter"),
                (f"{states}?limit=0", 400, "bad_request", "from 1 to 1000"),
                (f"{states}?limit=many", 400, "bad_request", "from 1 to 1000"),
                (f"{states}?cursor=a", 400, "bad_request", "next"),
                (f"{states}?cursor=1.61", 400, "bad_request", "next"),
                (f"{states}?cursor=0.6", 400, "bad_request", "next"),
                (f"{states}?cursor=0.6g", 400, "bad_request", "next"),
                (f"{states}?order=id", 400, "bad_request", "there is no parameter"),
                (f"{states}/a?wait={probe.topic}/0/5", 400, "bad_request", "ends at offset 1: there is no event at 5")):
            got, problem, _ = serving.ask(path, Stele_Timeout_Ms="1000")
            assert (got, problem["code"]) == (status, code) and part in problem["detail"], f"{path}: {got} {problem}"
        status, document, _ = serving.ask("/openapi.json")
        assert status == 200 and {states, f"{states}/{{id}}"} <= set(document["paths"])


if __name__ == "__main__":
    run_cases(globals())
