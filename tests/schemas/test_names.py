#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_names.py GENERATOR INCLUDE COUNT [SEED]: whatever Avro lets a schema be called, its code compiles.

Makes COUNT random schemas. Their names come from where trouble does: the words of C, C++ and POSIX, every
identifier in the headers of this machine and in Stele's, the names in generated code itself, and changes of
all these. Each schema is generated and compiled without a warning, as C11 and as C++17 (CC, CXX), some of them
behind every header of POSIX. A schema that fails is printed whole."""

import json
import os
import random
import re
import subprocess
import sys
import tempfile

BATCH = 50
FLAGS = ["-Wall", "-Wextra", "-Werror", "-fsyntax-only"]

KEYWORDS = """
alignas alignof and and_eq asm auto bitand bitor bool break case catch char char16_t char32_t char8_t class co_await
co_return co_yield compl concept const const_cast consteval constexpr constinit continue decltype default delete do
double dynamic_cast else enum explicit export extern false final float for friend goto if import inline int long
module mutable namespace new noexcept not not_eq nullptr operator or or_eq override private protected public
register reinterpret_cast requires restrict return short signed sizeof static static_assert static_cast struct
switch template this thread_local throw true try typedef typeid typename typeof typeof_unqual union unsigned using
virtual void volatile wchar_t while xor xor_eq
_Alignas _Alignof _Atomic _Bool _BitInt _Complex _Decimal128 _Generic _Imaginary _Noreturn _Pragma _Static_assert
_Thread_local __attribute__ __asm__ __extension__ __func__ __LINE__ __FILE__ __COUNTER__ __cplusplus __int128
""".split()

POSIX = """
aio arpa/inet assert complex cpio ctype dirent dlfcn errno fcntl fenv float fmtmsg fnmatch ftw glob grp iconv
inttypes iso646 langinfo libgen limits locale math monetary mqueue net/if netdb netinet/in netinet/tcp nl_types poll
pthread pwd regex sched search semaphore setjmp signal spawn stdalign stdarg stdbool stddef stdint stdio stdlib
string strings sys/ipc sys/mman sys/msg sys/resource sys/select sys/sem sys/shm sys/socket sys/stat sys/statvfs
sys/time sys/times sys/types sys/uio sys/un sys/utsname sys/wait syslog tar termios time ulimit unistd utime utmpx
wchar wctype wordexp
""".split()
NOT_IN_CPP = {"complex"}

STELE = ["generated", "stele", "stele_test", "json", "type"]

EVERY_KIND = {"type": "record", "name": "k.Every", "fields": [
    {"name": "m", "type": {"type": "map", "values": ["null", "k.Every"]}},
    {"name": "n", "type": {"type": "array", "items": ["null", "int"]}},
    {"name": "o", "type": {"type": "array", "items": "string"}},
    {"name": "u", "type": ["null", "int", {"type": "enum", "name": "E", "symbols": ["A"]}]},
    {"name": "f", "type": {"type": "fixed", "name": "F", "size": 4}}, {"name": "e", "type": ["null", "E"]}]}

HANDMADE = ["_", "__", "___", "_1", "__1", "_x", "__x", "_X", "x_", "x__", "_x_", "a__b", "A", "a", "a_", "A_", "a_2_",
            "value_", "count_", "has_value", "has_has_value", "item", "entry", "none", "string", "array", "map",
            "x" * 300, "X" * 300, "x" * 299 + "Y", "S" + "_" * 250, "t", "T", "type", "clear", "to_json", "name"]

DOCS = ["*/ int x; /*", "what??/", "\\", "/\\*", "*\x01/", "\u202e turned \u2066", "a\nb", "//\n/*/", "\"", "é 漢", "?" * 5]


def identifiers(compiler, language, text, include):
    done = subprocess.run([compiler, "-D_GNU_SOURCE", "-x", language, "-I", include, "-E", "-dD", "-"], input=text,
                          capture_output=True, text=True, check=False)
    return re.findall(r"[A-Za-z_]\w*", done.stdout)


def includes(names):
    return "".join(f"#include <{name}.h>\n" for name in names)


def hostile_words(generator, include, folder):
    words = set(KEYWORDS) | set(HANDMADE)
    stele = includes(f"stele/{name}" for name in STELE)
    words.update(identifiers(os.environ["CC"], "c", includes(POSIX) + stele, include))
    words.update(identifiers(os.environ["CXX"], "c++", stele, include))
    path = os.path.join(folder, "every.avsc")
    with open(path, "w") as file:
        json.dump(EVERY_KIND, file)
    subprocess.run([generator, path, "-o", folder], check=True)
    for suffix in "hc":
        with open(os.path.join(folder, f"every.{suffix}")) as file:
            words.update(re.findall(r"[A-Za-z_]\w*", file.read()))
    words.update([tail for word in list(words) if word.startswith("k_every_") for tail in [word[len("k_every_"):]]])
    return sorted(words)


class Maker:
    """Random schemas, each valid."""

    def __init__(self, source, words):
        self.source = source
        self.words = words
        # What is short and in everybody's way comes more often than the thousands that only headers have.
        self.near = [w for w in words if w in KEYWORDS or w in HANDMADE or w.startswith(("k_", "stele", "STELE"))
                     or (len(w) < 8 and "_" not in w)]

    def word(self):
        return self.source.choice(self.near if self.source.random() < 0.5 else self.words)

    def name(self):
        word = self.word()
        way = self.source.randrange(10)
        if way == 0:
            return "".join(part.capitalize() for part in word.split("_")) or word
        if way == 1:
            return word + "_" * self.source.randrange(1, 3)
        if way == 2:
            return "_" * self.source.randrange(1, 3) + word
        if way == 3:
            return word.upper()
        if way == 4:
            return f"{word}_{self.word()}"
        if way == 5:
            return word.capitalize()
        return word

    def valid(self, name):
        return name if re.fullmatch(r"[A-Za-z_]\w*", name) else "x" + re.sub(r"\W", "", name)

    def full_name(self):
        while True:
            name = self.valid(self.name())
            way = self.source.randrange(6)
            if way == 0 and "_" in name.strip("_"):
                name = re.sub(r"(?<=[A-Za-z0-9])_(?=[A-Za-z_])", ".", name, count=1)
            elif way == 1:
                name = f"{self.valid(self.name())}.{name}"
            elif way == 2:
                name = f"{self.valid(self.name())}.{self.valid(self.name())}.{name}"
            elif way == 3 and self.named:
                name = self.source.choice(self.named).replace(".", self.source.choice("._"))
                name = name.swapcase() if self.source.random() < 0.3 else name
            primitive = {"null", "boolean", "int", "long", "float", "double", "bytes", "string", "array", "map",
                         "record", "enum", "fixed", "union", "error"}
            if name not in self.named and name.rpartition(".")[2] not in primitive:
                self.named.append(name)
                return name

    def doc(self, what):
        if self.source.random() < 0.05:
            what["doc"] = self.source.choice(DOCS) + self.source.choice(DOCS)
        return what

    def reference(self, names):
        """One of the names that can be referred to here, or None: without a dot, it is of the namespace here."""
        inside = "." in self.spaces[-1]
        names = [name for name in names if "." in name or not inside]
        return self.source.choice(names) if names else None

    def define(self, kind, name):
        space, _, last = name.rpartition(".")
        return self.doc({"type": kind, "name": last, "namespace": space})

    def enum(self):
        name = self.full_name()
        symbols = []
        for _ in range(self.source.randrange(5)):
            symbol = self.valid(self.name())
            if symbol not in symbols:
                symbols.append(symbol)
        self.done.append(name)
        return {**self.define("enum", name), "symbols": symbols}

    def fixed(self):
        name = self.full_name()
        self.done.append(name)
        return {**self.define("fixed", name), "size": self.source.randrange(1, 20)}

    def record(self, depth):
        opened = self.full_name()
        what = self.define("record", opened)
        self.open.append(opened)
        self.spaces.append(opened)
        names = []
        for _ in range(self.source.randrange(7) if depth else self.source.randrange(1, 10)):
            name = self.valid(self.name())
            if self.source.random() < 0.1 and names:
                name = "has_" + self.source.choice(names)
            if self.source.random() < 0.1 and self.named:
                name = re.sub(r"\W", "_", self.source.choice(self.named)).lower()
            if name not in names:
                names.append(name)
        what["fields"] = [self.doc({"name": name, "type": self.type(depth)}) for name in names]
        self.open.pop()
        self.spaces.pop()
        self.done.append(opened)
        return what

    def type(self, depth):
        way = self.source.randrange(14 if depth < 3 else 7)
        if way < 4:
            return self.source.choice(["int", "long", "string", "bytes", "boolean", "double", "float", "null"])
        if way == 4:
            return ["null", self.source.choice(["int", "string"])]
        if way == 5:
            return self.reference(self.done) or "int"
        if way == 6:
            return ["null", self.reference(self.open) or "int"]
        if way == 7:
            return {"type": "array", "items": self.type(depth + 1)}
        if way == 8:
            return {"type": "map", "values": self.type(depth + 1)}
        if way == 9:
            return ["null", {"type": "array", "items": self.enum()}, self.enum(), "int"]
        if way == 10:
            return self.enum()
        if way == 11:
            return self.fixed()
        if way == 12:
            return ["null", self.record(depth + 1)]
        if way == 13:
            return self.record(depth + 1)
        return "string"

    def schema(self):
        self.named, self.done, self.open, self.spaces = [], [], [], []
        return self.record(0)


def compile_all(compiler, standard, language, include, folder, files):
    done = subprocess.run([compiler, f"-std={standard}", "-x", language, "-I", include, *FLAGS, *files], cwd=folder,
                          capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stderr


def write(folder, name, text):
    with open(os.path.join(folder, name), "w") as file:
        file.write(text)


def check(generator, include, folder, numbered):
    """Generates and compiles a batch; the number of the first schema that fails, with what was said."""
    c, cpp = [], []
    for number, schema in numbered:
        name = f"n{number}"
        write(folder, f"{name}.avsc", json.dumps(schema))
        done = subprocess.run([generator, f"{name}.avsc", "-o", "."], cwd=folder, capture_output=True, text=True,
                              timeout=20, check=False)
        if done.returncode != 0:
            return number, done.stderr
        behind = number % 16 == 0
        write(folder, f"{name}.cpp", (includes(n for n in POSIX if n not in NOT_IN_CPP) if behind else "") +
              f'#include "{name}.h"\n#include "{name}.h"\n')
        cpp.append(f"{name}.cpp")
        c.append(f"{name}.c")
        if behind:
            write(folder, f"{name}p.c", "#define _GNU_SOURCE\n" + includes(POSIX) + f'#include "{name}.c"\n')
            c.append(f"{name}p.c")
    said = compile_all(os.environ["CC"], "c11", "c", include, folder, c) or \
        compile_all(os.environ["CXX"], "c++17", "c++", include, folder, cpp)
    if said == "":
        return None
    found = re.search(r"\bn(\d+)p?\.(?:h|c|cpp)\b", said)
    return int(found.group(1)) if found else numbered[0][0], said


def main():
    generator, include, count = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), int(sys.argv[3])
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else 1
    with tempfile.TemporaryDirectory() as folder:
        maker = Maker(random.Random(seed), hostile_words(generator, include, folder))
        schemas = [(i, maker.schema()) for i in range(count)]
        for first in range(0, count, BATCH):
            failed = check(generator, include, folder, schemas[first:first + BATCH])
            if failed is not None:
                number, said = failed
                sys.exit(f"schema {number} of seed {seed}: {json.dumps(schemas[number][1])}\n{said[:3000]}")
    print(f"{count} schemas of seed {seed}, from {len(maker.words)} words, compile as C11 and C++17")


if __name__ == "__main__":
    main()
