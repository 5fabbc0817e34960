# SPDX-License-Identifier: MIT
"""What tests that drive the built programs share: cases that run side by side, programs and what they
print, brokers of one's own. Nothing here sleeps to wait for a state: it asks until a deadline."""

import concurrent.futures
import csv
import fcntl
import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
import uuid

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
STARTED = time.monotonic()


def with_packages(requirements):
    """Run the program again with a Python that has the packages in that file, unless this is the one. They are
    installed into .deps/, once."""
    with open(requirements, "rb") as file:
        folder = os.path.join(ROOT, ".deps", "python-" + hashlib.sha256(file.read()).hexdigest()[:12])
    if sys.prefix == folder:
        return
    os.makedirs(os.path.dirname(folder), exist_ok=True)
    with open(folder + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = os.path.join(folder, "done")  # written last
        if not os.path.exists(done):
            subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
            subprocess.run([os.path.join(folder, "bin/python"), "-m", "pip", "install", "--quiet",
                            "--requirement", requirements], check=True)
            open(done, "w").close()
    python = os.path.join(folder, "bin/python")
    os.execv(python, [python, "-B", *sys.argv])


def say(text):
    print(f"[{time.monotonic() - STARTED:6.1f} s] {text}", flush=True)


def until(what, seconds, question):
    """Ask until the answer is true, and return it."""
    deadline = time.monotonic() + seconds
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.1)  # between two questions, not instead of one


def stacks(process, depth=14):
    """Where the threads of a process are that does not go on, a line for each; for whoever reads why a test failed."""
    try:
        done = subprocess.run(["eu-stack", "--pid", str(process.pid)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as failure:
        return f"the stacks of process {process.pid} cannot be read: {failure}"
    threads = [re.findall(r"^#\d+ +\S+ +(\S+)", each, re.MULTILINE) for each in done.stdout.split("\nTID ")]
    return "\n".join(" < ".join(names[:depth]) for names in threads if names)


def end(process, number=signal.SIGTERM, seconds=40):
    """Signal a process and wait for its end; its exit code."""
    if process.poll() is None:
        process.send_signal(number)
    try:
        return process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        raise AssertionError(f"{process.args} does not end\n{stacks(process)}") from None


def unique(prefix):
    """A name that no other test on this broker has."""
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


def contains(text, *parts):
    for part in parts:
        assert part in text, f"{part!r} is missing in:\n{text}"


class Server:
    """What a script of scripts/ starts, of the test's own, so that it can be killed."""

    script = None

    def __init__(self, name, *words):
        self.name = f"{name}-{os.getpid()}"
        self.address = self._call("start", *words)

    def _call(self, *words):
        return subprocess.run([os.path.join(ROOT, "scripts", self.script), *words, "--name", self.name],
                              check=True, stdout=subprocess.PIPE, text=True).stdout.strip()

    def kill(self):
        self._call("kill")

    def start(self):
        self._call("start")

    def pause(self):
        self._call("pause")

    def resume(self):
        self._call("resume")

    def stop(self):
        self._call("stop")


def settings_of(settings):
    return [word for setting in settings for word in ("--set", setting)]


class Broker(Server):
    """A broker."""

    script = "kafka"

    def __init__(self, name, *settings):
        super().__init__(name, *settings_of(settings))

    def restart(self, *settings):
        self._call("restart", *settings_of(settings))


class Postgres(Server):
    """A PostgreSQL; its address is a connection string of libpq."""

    script = "postgres"

    @property
    def conninfo(self):
        return self.address

    def ask(self, query):
        """The rows of a query as texts; an empty text is null."""
        done = subprocess.run(["psql", "--no-psqlrc", "--csv", "--tuples-only", self.conninfo, "--command", query],
                              check=True, stdout=subprocess.PIPE, text=True)
        return [tuple(row) for row in csv.reader(done.stdout.splitlines())]


class Redis(Server):
    """A Redis; its address is HOST:PORT."""

    script = "redis"

    def _read(self, stream):
        line = stream.readline().rstrip(b"\r\n")
        kind, rest = line[:1], line[1:]
        if kind == b"-":
            raise RuntimeError(rest.decode())
        if kind == b"$":
            return None if rest == b"-1" else stream.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return [self._read(stream) for _ in range(int(rest))]
        return int(rest) if kind == b":" else rest

    def ask(self, *commands):
        """The replies to commands, each a list of texts, in one go."""
        host, port = self.address.split(":")
        with socket.create_connection((host, int(port)), timeout=30) as connection, connection.makefile("rb") as stream:
            words = [[word.encode() if isinstance(word, str) else word for word in command] for command in commands]
            connection.sendall(b"".join(b"*%d\r\n" % len(command) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in command)
                                        for command in words))
            return [self._read(stream) for _ in commands]


class Done:
    """A program that has ended."""

    def __init__(self, words, code, out, err):
        self.words, self.code, self.out, self.err = words, code, out, err

    def exits(self, code):
        assert self.code == code, (f"{' '.join(self.words)}: exit {self.code}, wanted {code}\n"
                                   f"{self.out}{self.err}")
        return self

    def says(self, *parts):
        contains(self.err, *parts)
        return self

    def prints(self, *parts):
        contains(self.out, *parts)
        return self

    def rows(self):
        return [json.loads(line) for line in self.out.splitlines()]


class Running:
    """A program that goes on; what it prints can be read meanwhile."""

    def __init__(self, words, env, stdin):
        self.words = words
        self._temporary = tempfile.TemporaryDirectory(prefix="stele-")
        self.paths = [os.path.join(self._temporary.name, name) for name in ("out", "err")]
        with open(self.paths[0], "wb") as out, open(self.paths[1], "wb") as err:
            self.process = subprocess.Popen(words, env=env, stdin=stdin, stdout=out, stderr=err)

    def _read(self, which):
        with open(self.paths[which], errors="replace") as file:
            return file.read()

    @property
    def out(self):
        return self._read(0)

    @property
    def err(self):
        return self._read(1)

    def awaits(self, text, seconds=40):
        """Until it has said that on standard error."""
        def question():
            assert self.process.poll() is None or text in self.err, f"ended, without {text!r}:\n{self.err}"
            return text in self.err
        try:
            until(f"it says {text!r}", seconds, question)
        except AssertionError as failure:
            raise AssertionError(f"{failure}\n{self.err}") from None

    def signal(self, number):
        self.process.send_signal(number)

    def ends(self, number=None, seconds=40):
        """Signal it, if asked to, and wait for its end."""
        if number is not None and self.process.poll() is None:
            self.process.send_signal(number)
        try:
            code = self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{' '.join(self.words)} does not end\n{self.err}\n{stacks(self.process)}") from None
        return Done(self.words, code, self.out, self.err)

    def destroy(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._temporary.cleanup()


class Program:
    """One of the built programs against one broker, with a folder for files."""

    def __init__(self, path, address, **env):
        self.path = path
        self.env = dict(os.environ, STELE_KAFKA=address, **env)
        self._folder = tempfile.TemporaryDirectory(prefix="stele-commands-")
        self.folder = self._folder.name
        self.running = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for each in self.running:
            each.destroy()
        self._folder.cleanup()

    def file(self, name, text):
        """A file of that content in the folder; its path."""
        path = os.path.join(self.folder, name)
        with open(path, "w", newline="") as file:
            file.write(text)
        return path

    def call(self, *words, stdin="", timeout=120):
        words = [self.path, *words]
        done = subprocess.run(words, env=self.env, input=stdin.encode(), timeout=timeout,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return Done(words, done.returncode, done.stdout.decode(), done.stderr.decode())

    def start(self, *words, stdin=subprocess.DEVNULL):
        self.running.append(Running([self.path, *words], self.env, stdin))
        return self.running[-1]


def case(function):
    """Mark a function as a case; its first line of documentation says what it checks."""
    function.is_case = True
    return function


def _run_case(function):
    begun = time.monotonic()
    name = (function.__doc__ or function.__name__).strip().splitlines()[0].rstrip(".")
    try:
        function()
    except BaseException:
        say(f"FAILED {name}\n{traceback.format_exc()}")
        return False
    say(f"ok     {name} ({time.monotonic() - begun:.1f} s)")
    return True


def run_cases(module, side_by_side=4):
    """Run the cases of a module, as many at a time as said; arguments that are left name some of them.
    Prints a line for each and ends the process."""
    wanted = [word for word in sys.argv[1:] if hasattr(module.get(word), "is_case")]
    cases = [each for name, each in module.items()
             if hasattr(each, "is_case") and (not wanted or name in wanted)]
    with concurrent.futures.ThreadPoolExecutor(side_by_side) as pool:
        results = list(pool.map(_run_case, cases))
    print(f"{results.count(True)} passed, {results.count(False)} failed", flush=True)
    sys.exit(0 if all(results) else 1)
