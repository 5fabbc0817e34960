#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A transaction that hangs in the snapshots and in the group's offset: ended as far as its coordinator
knows, open for ever as far as they know. A broker makes one when it comes back from a crash in the wrong
moment; here it is made by writing to partitions that were not added to any transaction, which a broker that
does not verify them takes. Whoever takes the partition ends it, and nothing of it is ever seen.

usage: test_hanging.py PROGRAM"""

import signal
import socket
import struct
import sys

import harness
from harness import end, say, until

SNAPSHOTS = "customers.v1.snapshots"
TRANSACTIONAL_ID = "customers.v1-customer.events-0"
CRC32C = 0x82F63B78
NOT_YET = (14, 15, 16, 51)  # the coordinator is not there, or the last transaction is not over


def string(text):
    data = text.encode()
    return struct.pack(">h", len(data)) + data


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (CRC32C if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def varint(number):
    number = (number << 1) ^ (number >> 63)
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(out) + bytes([number])


def transactional_batch(producer, epoch, key, value):
    """One record, as KIP-98 has it in a transaction."""
    record = b"\0" + varint(0) + varint(0) + varint(len(key)) + key + varint(len(value)) + value + varint(0)
    body = struct.pack(">hiqqqhii", 0x10, 0, 0, 0, producer, epoch, 0, 1) + varint(len(record)) + record
    return struct.pack(">qiibI", 0, len(body) + 9, -1, 2, crc32c(body)) + body


class Wire:
    """Kafka's protocol as far as it is needed here."""

    def __init__(self, address, transactional_id=TRANSACTIONAL_ID):
        self.transactional_id = transactional_id
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=30)

    def ask(self, api, version, body):
        request = struct.pack(">hhi", api, version, 1) + string("test") + body
        self.socket.sendall(struct.pack(">i", len(request)) + request)
        return self._read(struct.unpack(">i", self._read(4))[0])[4:]

    def _read(self, size):
        data = b""
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            assert part, "the broker closed the connection"
            data += part
        return data

    def find_coordinator(self):
        """FindCoordinator: the first question of this kind makes its topic."""
        self.ask(10, 1, string(self.transactional_id) + b"\1")

    def producer_id(self):
        """InitProducerId: as a new owner, whose predecessor is fenced. None: its last transaction is not
        over yet."""
        answer = self.ask(22, 1, string(self.transactional_id) + struct.pack(">i", 10000))
        _, error, producer, epoch = struct.unpack(">ihqh", answer)
        assert error in (0, *NOT_YET), f"InitProducerId: error {error}"
        return (producer, epoch) if error == 0 else None

    def produce(self, producer, epoch, key, value, topic=SNAPSHOTS):
        records = transactional_batch(producer, epoch, key, value)
        answer = self.ask(0, 7, string(self.transactional_id) + struct.pack(">hii", -1, 10000, 1) +
                          string(topic) + struct.pack(">iii", 1, 0, len(records)) + records)
        error = struct.unpack_from(">h", answer, 4 + 2 + len(topic) + 4 + 4)[0]
        assert error == 0, f"Produce: error {error}"

    def commit_offset(self, producer, epoch, offset):
        topic = "customer.events"
        answer = self.ask(28, 2, string(self.transactional_id) + string("customers.v1") +
                          struct.pack(">qhi", producer, epoch, 1) + string(topic) +
                          struct.pack(">iiqi", 1, 0, offset, -1) + string(""))
        error = struct.unpack_from(">h", answer, 4 + 4 + 2 + len(topic) + 4 + 4)[0]
        assert error == 0, f"TxnOffsetCommit: error {error}"


def run_worker(shop, name):
    worker = shop.worker(name)
    until(f"{name} has caught up", 60, lambda: shop.caught_up(1) and
          shop.status()[0]["instance"] == name)
    assert end(worker, signal.SIGTERM) == 0
    with open(f"{shop.folder}/worker-{name}.log") as log:
        return log.read()


def hang(address, in_snapshots, in_group):
    wire = Wire(address)
    producer, epoch = until("a producer id", 30, wire.producer_id)
    if in_snapshots:
        wire.produce(producer, epoch, b"hangs", b"never to be seen")
    if in_group:
        wire.commit_offset(producer, epoch, 1)


def check_readers_say_so(shop):
    """Those who cannot end it end themselves, and say what holds them."""
    for words in (["snapshots", "verify", "customers"], ["snapshots", "list", "customers"]):
        done = shop.call(*words, "--timeout", "1", check=False)
        assert done.returncode == 3 and "an open transaction holds it back" in done.stderr, done.stderr


def main():
    broker = harness.Broker("hanging", "transaction.partition.verification.enable=false")
    shop = harness.Shop(sys.argv[1], broker.address)
    total = len(harness.file_lines())
    places = [(True, True), (True, False), (False, True)]
    with harness.played_on(broker, shop):
        shop.call("topics", "create", "customer", "--partitions", "1")
        shop.call(*harness.publish_words(shop, 0, total // 4))
        assert "hanging" not in run_worker(shop, "first")
        for number, (in_snapshots, in_group) in enumerate(places):
            shop.call(*harness.publish_words(shop, (number + 1) * total // 4, (number + 2) * total // 4))
            hang(broker.address, in_snapshots, in_group)
            if in_snapshots:
                check_readers_say_so(shop)
            said = run_worker(shop, f"w{number}")
            assert said.count("hanging transaction ended") == 1, said
            say(f"what hung in {'the snapshots ' * in_snapshots}{'the group' * in_group} was ended")
        harness.check_snapshots(shop)
        harness.check_states(shop)
        say("snapshots, checkpoints and group offsets agree with one replay, to the byte")


if __name__ == "__main__":
    main()
