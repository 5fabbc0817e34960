#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a person may type and what they are told of what they may not. No broker is asked."""

import os
import re
import signal
import subprocess

from commands import NOWHERE, Probe, stele
from programs import case, run_cases


def words_of_commands():
    """The commands that the help lists."""
    with stele(NOWHERE) as program:
        lines = program.call("--help").exits(0).out.splitlines()
    return [re.match(r"  ([a-z]+(?: [a-z]+)?)(?= |$)", line).group(1).split()
            for line in lines if line.startswith("  ")]


@case
def every_command_has_an_example():
    """--help of every command exits with 0 and ends with an example of that command."""
    commands = words_of_commands()
    assert len(commands) >= 20, commands
    with stele(NOWHERE) as program:
        for words in commands:
            lines = program.call(*words, "--help").exits(0).out.splitlines()
            assert lines[0].startswith(f"usage: stele {' '.join(words)}"), lines[0]
            at = lines.index("example:")
            assert any(" ".join(words) in line for line in lines[at + 1:]), lines[at:]
            assert lines == program.call("help", *words).exits(0).out.splitlines()


@case
def groups_list_their_commands():
    """A word that several commands begin with lists them: to standard output where help is asked for."""
    with stele(NOWHERE) as program:
        program.call("topics", "--help").exits(0).prints("topics create", "topics describe")
        program.call("topics").exits(2).says("topics create", "topics describe")
        program.call().exits(2).says("usage: stele COMMAND", "registry serve")


@case
def misspelt_commands_and_options():
    """What is misspelt is named, with what is near, and exits with 2."""
    with stele(NOWHERE) as program:
        for words, said in [
                (["stat"], "no command stat; did you mean state?"),
                (["schema", "chek", "a", "b"], "no command schema chek; did you mean schema check?"),
                (["topics", "frobnicate"], "no command topics frobnicate; see stele topics --help"),
                (["export", "a"], "export: --to FILE is missing: the file, which must not be there yet"),
                (["import", "a"], "import: --to AGGREGATE|TOPIC is missing: the topic, which has to be there"),
                (["topics", "copy", "a"], "topics copy: expected FROM TO; see stele topics copy --help"),
                (["frobnicate"], "no command frobnicate; see stele --help"),
                (["publish", "--nope"], "publish: no option --nope here; see --help"),
                (["publish", "-c"], "-c needs a value: -c FILE"),
                (["publish", "a", "--format", "xml"], "--format xml: expected one of csv, json"),
                (["publish", "a", "--skip", "-1"], "--skip -1: expected a whole number from 0 to"),
                (["topics", "create", "a", "--partitions", "0"], "--partitions 0: expected a whole number from 1"),
                (["status", "--check=yes"], "--check takes no value"),
                (["history", "a"], "history: expected AGGREGATE ID; see stele history --help"),
                (["run", "now"], "run: expected no operands"),
                (["state", "p"], "either an ID or --all"),
                (["state", "p", "i", "--all"], "either an ID or --all"),
                (["state", "p", "--all", "--at", "3"], "--at goes with an ID"),
                (["state", "p", "i", "--at", "never"], "--at never: expected a version from 1 on, or a time"),
                (["state", "p", "i", "1", "2"], "two moments behind the ID go with --diff"),
                (["state", "p", "i", "1", "--diff"], "--diff takes two moments behind the ID: --diff A B"),
                (["state", "p", "i", "1", "x", "--diff"], "--diff x: expected a version from 1 on, or a time"),
                (["tail", "a", "--from", "somewhere"], "--from somewhere: expected beginning, an offset, or a time"),
                (["topics", "delete", "a"], "a.events and all its events would be gone forever"),
                (["topics", "create", ""], "topics create: expected AGGREGATE, and not an empty word"),
                (["state", "p", ""], "state: expected PROJECTION [ID [A B]], and not an empty word"),
                (["status", "--check", "--instance", ""], "status: --instance: expected NAME, and not an empty word"),
                (["publish", "a", "--key="], "publish: --key: expected FIELD, and not an empty word"),
                (["status", "-c", ""], "status: --config: expected FILE, and not an empty word"),
                (["schema", "generate", "a.avsc", "-o", ""], "--output: expected DIR, and not an empty word"),
                (["tail", "a", "--from", "0", "-n", "3"], "tail: --lines goes without --from"),
                (["schema", "get", "0"], "schema get: ID 0: expected a number from 1 to 2147483647"),
                (["schema", "get", "99999999999"], "schema get: ID 99999999999: expected a number from 1 to 2147483647"),
                (["-o", "worker.threads=2", "run"], "options come after the command: stele COMMAND -o"),
                (["publish", "a", "--key", "id"], "publish: --schema FILE is missing: the event's Avro schema"),
                (["publish", "a", "--schema", "a.avsc"], "publish: --key FIELD is missing: the field that holds"),
                (["publish", "a", "b.txt", "--schema", "a.avsc", "--key", "id"],
                 "publish: b.txt ends neither in .csv nor in .json: say --format"),
                (["schema", "convert"], "schema convert: --writer FILE is missing: schema that the data"),
                (["schema", "get", "a", "first"], "VERSION first: expected a number from 1 on, or latest"),
                (["registry", "serve", "--listen", "here"], "--listen \"here\": expected HOST:PORT, as 127.0.0.1:8081")]:
            done = program.call(*words).exits(2).says(said)
            assert done.out == "" and done.err.count("\n") == 1, done.err


@case
def what_cannot_be_printed_is_a_failure():
    """What cannot be printed is a failure, on a full disk and where standard output is closed."""
    with stele(NOWHERE) as program:
        schema = program.file("a.avsc", '{"type": "enum", "name": "E", "symbols": []}')
        for words in (["--version"], ["--help"], ["status", "--help"], ["schema", "canonical", schema]):
            for redirection in (">/dev/full", ">&-"):
                shell = ["sh", "-c", f'"$@" {redirection}', "sh", program.path, *words]
                done = subprocess.run(shell, stderr=subprocess.PIPE, text=True, check=False)
                assert done.returncode == 1, (words, redirection, done)
                assert "standard output could not be written" in done.stderr, done


@case
def nothing_gets_the_number_of_a_stream_that_was_closed():
    """Nothing gets the number of a stream that was closed: messages would be written into it."""
    with stele(NOWHERE) as program:
        shell = ["sh", "-c", 'exec "$@" <&- 2>&-', "sh", program.path, "registry", "serve", "--listen", "127.0.0.1:0"]
        with subprocess.Popen(shell, stdout=subprocess.PIPE, env=program.env) as process:
            assert process.stdout.readline().startswith(b"http://")
            streams = [os.readlink(f"/proc/{process.pid}/fd/{number}") for number in (0, 2)]
            process.send_signal(signal.SIGTERM)
        assert streams == ["/dev/null", "/dev/null"], streams


@case
def the_version():
    """--version names the program and the library's version."""
    with stele(NOWHERE) as program:
        assert re.fullmatch(r"stele \(Stele \d+\.\d+\.\d+\)\n", program.call("--version").exits(0).out)


@case
def configuration_errors_name_their_place():
    """What is wrong in the configuration is named with file and line, or where else it stands."""
    files = [
        ("[worker]\nthreds = 3\n", ":2: section [worker] has no key \"threds\"; did you mean threads?"),
        ("\n[worker]\n\nthreads = many\n", ":4: worker.threads: \"many\" is not a whole number"),
        ("[workers]\nthreads = 1\n", "; did you mean worker?"),
        ("[kafka]\nenable.idempotence = false\n", ":2: "),
        ("[projection other]\nsnapshot_events = 1\n", ":1: [projection other]: probe has no projection of that name"),
        ("[aggregate other]\nheaders = minimal\n", ":1: [aggregate other]: probe has no aggregate of that name"),
    ]
    with Probe(partitions=0, address=NOWHERE) as probe:
        for number, (text, said) in enumerate(files):
            path = probe.file(f"{number}.ini", text)
            probe.call("run", "-c", path).exits(1).says(path, said)
        path = probe.file("kafka.ini", "[kafka]\nlinger.ms = 3\nmesage.max.bytes = 1000\n")
        probe.call("run", "-c", path).exits(1).says(
            f"{path}:3: [kafka] mesage.max.bytes: librdkafka ", "has no such key; did you mean message.max.bytes?")
        probe.call("run", "-o", "kafka.linger.ms=soon").exits(1).says("-o: [kafka] linger.ms: Invalid value")
        probe.call("run", "-c", "none.ini").exits(1).says("none.ini cannot be opened: No such file")
        probe.call("run", "-o", "worker.threads").exits(1).says("section.key=value")
        probe.call("run", "-o", "worker.threads=0").exits(1).says("-o", "worker.threads")
        probe.env["STELE_WORKER_THREADS"] = "some"
        probe.call("run").exits(1).says("STELE_WORKER_THREADS")


@case
def a_program_without_projections_cannot_run():
    """What needs the application is refused by the program without one, which says what to use."""
    with stele(NOWHERE) as program:
        for words in (["run"], ["snapshots", "verify", "customers"]):
            program.call(*words).exits(1).says("the application's own program")


@case
def a_projection_that_is_misspelt():
    """A projection that the application does not know is named, with the one that is near."""
    with Probe(partitions=0, address=NOWHERE) as probe:
        misspelt = probe.name[:-1] + "_"
        probe.call("snapshots", "verify", misspelt).exits(1).says(
            f"has no projection {misspelt}; did you mean {probe.name}?")
        path = probe.file("near.ini", f"[projection {misspelt}]\n")
        probe.call("run", "-c", path).exits(1).says(f"did you mean {probe.name}?")


@case
def wrong_words_for_the_broker_do_nothing():
    """scripts/kafka refuses what it would have to pass over, --all beside --name above all, with 2."""
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../scripts/kafka")
    for words, said in [
            (["stop", "--all", "--name", "a"], "--all goes with stop alone, and without --name"),
            (["start", "--all"], "--all goes with stop alone"),
            (["start", "--keep"], "--keep goes with stop"),
            (["stop", "--set", "a=b"], "--set goes with start and restart"),
            (["start", "--follow"], "--follow goes with logs"),
            (["start", "--set", "a"], "--set wants KEY=VALUE, not 'a'"),
            (["start", "--name"], "--name wants a value"),
            (["start", "--name", "../a"], "a name is letters, digits, '.', '_', '-': '../a'"),
            (["stop", "a"], "stop does not take 'a': see scripts/kafka help"),
            (["strat"], "there is no command 'strat': see scripts/kafka help")]:
        done = subprocess.run([script, *words], capture_output=True, text=True)
        assert done.returncode == 2 and said in done.stderr and done.stderr.count("\n") == 1, done


@case
def code_goes_into_a_new_folder():
    """schema generate makes the folder that --output names, and says why where it cannot."""
    with stele(NOWHERE) as program:
        schema = program.file("point.avsc", '{"type": "record", "name": "Point", "fields": []}')
        folder = program.file("file", "") + ".made"
        program.call("schema", "generate", schema, "-o", folder).exits(0)
        assert sorted(os.listdir(folder)) == ["point.c", "point.h"]
        program.call("schema", "generate", schema, "-o", "/proc/none").exits(1).says("--output /proc/none: ")


@case
def no_broker_is_given_up_after_the_timeout():
    """Commands that run once give up after --timeout, and name the broker."""
    with stele(NOWHERE) as program:
        for words in (["topics", "describe", "a"], ["tail", "a"], ["history", "a", "b"], ["status"],
                      ["state", "p", "--all"], ["snapshots", "list", "p"], ["topics", "create", "a"]):
            program.call(*words, "--timeout", "1", timeout=15).exits(1).says(NOWHERE)


@case
def a_command_that_waits_can_be_interrupted():
    """Ctrl-C ends a command that waits for a broker; with a second one at once."""
    with stele(NOWHERE) as program:
        waiting = program.start("registry", "serve", "--listen", "127.0.0.1:0", "--timeout", "600")
        waiting.signal(signal.SIGINT)
        waiting.ends(signal.SIGTERM, seconds=10)


@case
def a_full_output_is_a_failure():
    """Output that cannot be written is said, and exits with 1."""
    with stele(NOWHERE) as program, open("/dev/full", "wb") as full:
        schema = program.file("int.avsc", '"int"')
        done = subprocess.run([program.path, "schema", "canonical", schema], stdout=full,
                              stderr=subprocess.PIPE, text=True)
        assert done.returncode == 1 and "standard output could not be written" in done.stderr, done


if __name__ == "__main__":
    run_cases(globals())
