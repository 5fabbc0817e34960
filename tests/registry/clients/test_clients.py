#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Other languages' clients, unchanged, against `stele registry serve`: Python's confluent-kafka and
JavaScript's @kafkajs/confluent-schema-registry. What Stele publishes they read, and the reverse.

usage: test_clients.py STELE, with the broker in STELE_KAFKA. Installs the clients first (./install) and
then runs itself with the Python that has them.
"""
import json
import os
import signal
import subprocess
import sys
import tempfile
import urllib.request
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
BROKER = os.environ["STELE_KAFKA"]
STELE = os.path.abspath(sys.argv[1])

if "STELE_CLIENTS" not in os.environ:
    folder = subprocess.run([os.path.join(HERE, "install")], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    python = os.path.join(folder, "venv/bin/python")
    os.execve(python, [python, *sys.argv], {**os.environ, "STELE_CLIENTS": folder})

from confluent_kafka import Consumer, Producer, TopicPartition  # noqa: E402
from confluent_kafka.schema_registry import Schema, SchemaReference, SchemaRegistryClient  # noqa: E402
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer  # noqa: E402
from confluent_kafka.schema_registry.error import SchemaRegistryError  # noqa: E402
from confluent_kafka.serialization import MessageField, SerializationContext  # noqa: E402


def name(word):
    return f"{word}{uuid.uuid4().hex[:12]}"


def record(full_name, *fields):
    return {"type": "record", "name": full_name, "fields": [dict(zip(("name", "type", "default"), field)) for field in fields]}


class Shop:
    """Schemas that no other test has: two subjects with the same schema share its id and its references."""

    def __init__(self):
        self.namespace = name("shop")
        customer = f"{self.namespace}.Customer"
        fields = [("id", "string"), ("by", customer), ("cents", "long"), ("note", ["null", "string"], None)]
        self.customer = record(customer, ("name", "string"), ("vip", "boolean", False))
        self.order = record(f"{self.namespace}.Order", *fields)
        self.order_with_city = record(self.order["name"], *fields, ("city", "string", ""))
        self.order_without_default = record(self.order["name"], *fields, ("zip", "string"))

    def python(self, customer_subject, schema=None):
        references = [SchemaReference(self.customer["name"], customer_subject, 1)]
        return Schema(json.dumps(schema or self.order), "AVRO", references)

    def javascript(self, customer_subject):
        return [{"name": self.customer["name"], "subject": customer_subject, "version": 1}]


EVENT = {"id": "o-1", "by": {"name": "Zoë", "vip": True}, "cents": -1234567890123, "note": None}


def stele(*words, stdin=None):
    done = subprocess.run([STELE, *words], input=stdin, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def file_of(folder, schema):
    path = os.path.join(folder, schema["name"] + ".avsc")
    with open(path, "w") as out:
        json.dump(schema, out)
    return path


def expect_error(call, status, code):
    try:
        call()
    except SchemaRegistryError as error:
        assert (error.http_status_code, error.error_code) == (status, code), error
        return
    raise AssertionError(f"expected {status} {code}")


class Server:
    """`stele registry serve` on a port of its own."""

    def __enter__(self):
        self.process = subprocess.Popen([STELE, "registry", "serve", "--listen", "127.0.0.1:0"],
                                        stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()
        assert self.url.startswith("http://127.0.0.1:"), self.url
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(20) == 0, "it did not end in order"


class Javascript:
    """client.js as a process."""

    def __init__(self, url):
        environment = {**os.environ, "NODE_PATH": os.path.join(os.environ["STELE_CLIENTS"], "node_modules")}
        self.url = url
        self.process = subprocess.Popen(["node", os.path.join(HERE, "client.js")], env=environment, text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, *words):
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def call(self, *words):
        answer = self.ask(*words)
        assert "result" in answer, (words, answer)
        return answer["result"]

    def __enter__(self):
        self.call("open", self.url)
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        assert self.process.wait(20) == 0


def write(topic, key, value):
    producer = Producer({"bootstrap.servers": BROKER, "enable.idempotence": True, "partitioner": "murmur2_random"})
    failures = []
    producer.produce(topic, key=key, value=value, on_delivery=lambda error, _: failures.append(error) if error else None)
    assert producer.flush(30) == 0 and not failures, failures


def read(topic):
    """The value of the only record of the topic's only partition."""
    consumer = Consumer({"bootstrap.servers": BROKER, "group.id": "none", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, 0, 0)])
    message = consumer.poll(30)
    assert message is not None and message.error() is None, message
    consumer.close()
    return message.value()


def tail(aggregate):
    """The only event of an aggregate's topic, as Stele reads it; from the registry in Kafka and over HTTP."""
    line = json.loads(stele("tail", aggregate, "--from", "beginning"))
    return line["type"], line["id"], line["data"]


def publish(aggregate, folder, shop):
    """EVENT by Stele's own program."""
    stele("topics", "create", aggregate, "--partitions", "1")
    stele("publish", aggregate, "--schema", file_of(folder, shop.order), "--with", file_of(folder, shop.customer), "--key", "id",
          "--format", "json", stdin=json.dumps(EVENT) + "\n")


def delete(url, subject, query=""):
    request = urllib.request.Request(f"{url}/subjects/{subject}{query}", method="DELETE")
    return json.load(urllib.request.urlopen(request))


# ---- Python ----


def python_writes_and_stele_reads(server, folder, shop):
    client = SchemaRegistryClient({"url": server.url})
    aggregate, customer = name("py"), name("customer/é ")  # a subject that has to be escaped
    stele("topics", "create", aggregate, "--partitions", "1")
    client.register_schema(customer, Schema(json.dumps(shop.customer), "AVRO"))
    topic = f"{aggregate}.events"
    serializer = AvroSerializer(client, shop.python(customer))

    value = serializer(EVENT, SerializationContext(topic, MessageField.VALUE))
    write(topic, EVENT["id"], value)

    assert tail(aggregate) == (shop.order["name"], EVENT["id"], EVENT)
    assert json.loads(stele("tail", aggregate, "--from", "beginning", "-o", f"registry.url={server.url}"))["data"] == EVENT
    latest = client.get_latest_version(f"{topic}-value")
    assert [(r.name, r.subject, r.version) for r in latest.schema.references] == [(shop.customer["name"], customer, 1)]
    assert client.get_referenced_by(customer, 1) == [latest.schema_id]


def stele_writes_and_python_reads(server, folder, shop):
    client = SchemaRegistryClient({"url": server.url})
    aggregate = name("py")

    publish(aggregate, folder, shop)

    value = AvroDeserializer(client)(read(f"{aggregate}.events"), SerializationContext(aggregate, MessageField.VALUE))
    assert value == EVENT, value


def stele_registers_references_and_python_resolves_them(server, folder, shop):
    client = SchemaRegistryClient({"url": server.url})
    subject = name("referring")
    for url in ("kafka:", server.url):
        identifier = int(stele("schema", "register", file_of(folder, shop.order), "--subject", subject, "--with",
                               file_of(folder, shop.customer), "-o", f"registry.url={url}"))
        assert client.get_latest_version(subject).schema_id == identifier
        for words in ([str(identifier)], [subject], [subject, "1"], [subject, "latest"]):
            assert json.loads(stele("schema", "get", *words, "-o", f"registry.url={url}")) == shop.order
        listed = stele("schema", "list", "-o", f"registry.url={url}").splitlines()
        assert f"{subject} 1" in listed and f"{shop.customer['name']} 1" in listed
    serializer = AvroSerializer(client, client.get_schema(identifier), conf={"auto.register.schemas": False})
    context = SerializationContext(subject, MessageField.VALUE)
    # Its subject is TOPIC-value: registered under that, the schema has the same id.
    client.register_schema(f"{subject}-value", client.get_schema(identifier))
    assert AvroDeserializer(client)(serializer(EVENT, context), context) == EVENT
    assert stele("schema", "list", subject, "-o", f"registry.url={server.url}") == f"version 1 id {identifier}\n"


def python_is_refused_what_is_incompatible(server, folder, shop):
    client = SchemaRegistryClient({"url": server.url})
    customer, subject = name("customer"), name("order")
    client.register_schema(customer, Schema(json.dumps(shop.customer), "AVRO"))
    first = client.register_schema(subject, shop.python(customer))
    worse = shop.python(customer, shop.order_without_default)
    better = shop.python(customer, shop.order_with_city)

    expect_error(lambda: client.register_schema(subject, worse), 409, 409)
    assert not client.test_compatibility(subject, worse)
    assert client.test_compatibility(subject, better)
    assert client.test_compatibility_all_versions(subject, better)
    second = client.register_schema(subject, better, normalize_schemas=True)
    assert client.get_versions(subject) == [1, 2]
    assert client.lookup_schema(subject, shop.python(customer)).schema_id == first != second
    assert client.get_version(subject, "latest").schema_id == second

    expect_error(lambda: client.get_compatibility(subject), 404, 40408)
    client.set_compatibility(subject, "NONE")
    assert client.get_compatibility(subject) == "NONE"
    client.register_schema(subject, worse)
    client.delete_config(subject)
    expect_error(lambda: client.get_config(subject), 404, 40408)


def python_deletes_and_what_was_written_stays_readable(server, folder, shop):
    client = SchemaRegistryClient({"url": server.url})
    topic, customer = name("deleted"), name("customer")
    client.register_schema(customer, Schema(json.dumps(shop.customer), "AVRO"))
    context = SerializationContext(topic, MessageField.VALUE)
    value = AvroSerializer(client, shop.python(customer))(EVENT, context)
    subject = f"{topic}-value"

    expect_error(lambda: client.delete_version(customer, 1), 422, 42206)  # it is referred to
    assert client.delete_subject(subject) == [1]
    assert subject not in client.get_subjects()
    assert subject in client.get_subjects(deleted=True)
    expect_error(lambda: client.get_latest_version(subject), 404, 40401)
    assert client.delete_subject(subject, permanent=True) == [1]
    assert subject not in client.get_subjects(deleted=True)
    assert client.delete_subject(customer) == [1]

    fresh = SchemaRegistryClient({"url": server.url})
    identifier = int.from_bytes(value[1:5], "big")
    assert json.loads(fresh.get_schema(identifier).schema_str) == shop.order
    assert fresh.get_schema_versions(identifier) == []
    with Server() as restarted:
        assert SchemaRegistryClient({"url": restarted.url}).get_schema(identifier).references[0].subject == customer


# ---- JavaScript ----


def javascript_writes_and_stele_reads(server, folder, shop):
    aggregate, customer = name("js"), name("customer/é ")
    subject = f"{aggregate}.events-{shop.order['name']}"
    stele("topics", "create", aggregate, "--partitions", "1")
    with Javascript(server.url) as client:
        client.call("register", customer, shop.customer, [])
        identifier = client.call("register", subject, shop.order, shop.javascript(customer))
        assert client.call("latest", subject) == identifier

        write(f"{aggregate}.events", EVENT["id"], bytes.fromhex(client.call("encode", identifier, EVENT)))

    assert tail(aggregate) == (shop.order["name"], EVENT["id"], EVENT)


def stele_writes_and_javascript_reads(server, folder, shop):
    aggregate = name("js")
    publish(aggregate, folder, shop)
    with Javascript(server.url) as client:
        assert client.call("decode", read(f"{aggregate}.events").hex()) == EVENT


def stele_registers_references_and_javascript_resolves_them(server, folder, shop):
    subject = name("referring")
    identifier = int(stele("schema", "register", file_of(folder, shop.order), "--subject", subject, "--with",
                           file_of(folder, shop.customer)))
    with Javascript(server.url) as client:
        assert client.call("latest", subject) == identifier
        assert client.call("decode", client.call("encode", identifier, EVENT)) == EVENT


def javascript_is_refused_what_is_incompatible(server, folder, shop):
    customer, subject = name("customer"), name("order")
    with Javascript(server.url) as client:
        client.call("register", customer, shop.customer, [])
        first = client.call("register", subject, shop.order, shop.javascript(customer))
        refused = client.ask("register", subject, shop.order_without_default, shop.javascript(customer))
        assert refused.get("status") == 409, refused
        second = client.call("register", subject, shop.order_with_city, shop.javascript(customer))
        assert first != second == client.call("latest", subject)
        assert client.call("find", customer, shop.customer) < first


def javascript_reads_what_was_deleted(server, folder, shop):
    customer, subject = name("customer"), name("order")
    with Javascript(server.url) as client:
        client.call("register", customer, shop.customer, [])
        identifier = client.call("register", subject, shop.order, shop.javascript(customer))
        value = client.call("encode", identifier, EVENT)

        assert delete(server.url, subject) == [1]
        assert delete(server.url, subject, "?permanent=true") == [1]

        client.call("open", server.url)
        assert client.ask("latest", subject).get("status") == 404
        assert client.call("decode", value) == EVENT
        assert client.ask("decode", "007fffffff00").get("status") == 404


TESTS = [
    python_writes_and_stele_reads,
    stele_writes_and_python_reads,
    stele_registers_references_and_python_resolves_them,
    python_is_refused_what_is_incompatible,
    python_deletes_and_what_was_written_stays_readable,
    javascript_writes_and_stele_reads,
    stele_writes_and_javascript_reads,
    stele_registers_references_and_javascript_resolves_them,
    javascript_is_refused_what_is_incompatible,
    javascript_reads_what_was_deleted,
]


def main():
    with Server() as server, tempfile.TemporaryDirectory(prefix="stele-clients-") as folder:
        for test in TESTS:
            test(server, folder, Shop())
            print(f"ok {test.__name__}", flush=True)
    print(f"{len(TESTS)} passed")


main()
