"""A database to a newcomer through a shared folder: seconds, CPU seconds, bytes, memory.

    TRIBUTARY=build/release/tributary python3 tests/bench/folder.py [ROWS] [DIRECTORY]

A million rows by default, of a text key and seven columns (248 bytes of values a row), in
/dev/shm if there is one. 
"""

import os
import sqlite3
import subprocess
import sys
import tempfile
import time

TRIBUTARY = os.environ.get("TRIBUTARY", "build/release/tributary")
SCHEMA = ("CREATE TABLE todo(id TEXT PRIMARY KEY NOT NULL, title TEXT, body TEXT, done INT,"
          " owner TEXT, due INT, priority REAL, tags TEXT)")
FILL = """WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < {rows})
  INSERT INTO todo SELECT printf('%s-%s-%s', lower(hex(randomblob(4))), lower(hex(randomblob(4))),
    lower(hex(randomblob(8)))), 'Title of the task number ' || i, 'Buy ' || (i % 977) || ' and call '
    || (i * 7919 % 100003) || ', then write to ' || lower(hex(randomblob(8))) ||
    ' about what was said on the day before; do not forget the ' || (i % 31) || ' others.',
    i % 2, 'owner' || (i % 100), 1700000000 + i, (i % 50) / 10.0, 'home,work' FROM s"""


def size_of(path):
    if os.path.isfile(path):
        return os.path.getsize(path)
    return sum(os.path.getsize(os.path.join(p, f)) for p, _, fs in os.walk(path) for f in fs)


def measure(what, *args, size=None):
    before = time.monotonic()
    process = subprocess.Popen(args)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - before
    if status != 0:
        sys.exit(f"{what} failed")
    text = f"| {what:34} | {seconds:7.2f} | {usage.ru_utime + usage.ru_stime:7.2f} |"
    text += f" {usage.ru_maxrss / 1024:6.0f} | {size_of(size) / 1e6 if size else 0:8.1f} |"
    print(text, flush=True)


def main():
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    parent = sys.argv[2] if len(sys.argv) > 2 else "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryDirectory(dir=parent) as base:
        def path(name):
            return os.path.join(base, name)
        for name in ("a.db", "b.db"):
            subprocess.run([TRIBUTARY, "sql", "-q", "--create", "--plain", path(name), SCHEMA],
                           check=True)
            subprocess.run([TRIBUTARY, "init", "-q", path(name)], check=True)
        print(f"{rows:,} rows\n\n| {'':34} | seconds | CPU s   | MiB    | MB       |")
        print("|---|--:|--:|--:|--:|")
        measure("insert, one transaction", TRIBUTARY, "sql", "-q", path("a.db"),
                FILL.format(rows=rows), size=path("a.db"))
        measure("sync --folder: publish", TRIBUTARY, "sync", "-q", path("a.db"), "--folder",
                path("F"), size=path("F"))
        measure("sync --folder: nothing new", TRIBUTARY, "sync", "-q", path("a.db"), "--folder",
                path("F"))
        measure("sync --folder: newcomer", TRIBUTARY, "sync", "-q", path("b.db"), "--folder",
                path("F"), size=path("b.db"))
        measure("restore", TRIBUTARY, "restore", "-q", path("F"), "--to", path("c.db"),
                size=path("c.db"))
        measure("inspect --verify", TRIBUTARY, "inspect", "-q", "--verify", path("F"))
        subprocess.run([TRIBUTARY, "sql", "-q", path("a.db"),
                        f"UPDATE todo SET done = 2 WHERE due % 100 = 0"], check=True)
        before = size_of(path("F"))
        measure("publish an update of 1 % of rows", TRIBUTARY, "sync", "-q", path("a.db"),
                "--folder", path("F"))
        print(f"  ... {(size_of(path('F')) - before) / 1e6:.2f} MB")
        measure("read it", TRIBUTARY, "sync", "-q", path("b.db"), "--folder", path("F"))
        digests = {subprocess.run([TRIBUTARY, "sql", "--raw", path(d), "SELECT crsql_digest()"],
                                  check=True, capture_output=True).stdout for d in ("a.db", "b.db")}
        assert len(digests) == 1, "they differ"
        plain = sqlite3.connect(path("c.db"))
        values = plain.execute("SELECT sum(length(id) + length(title) + length(body) + 1 +"
                               " length(owner) + 4 + 8 + length(tags)) FROM todo").fetchone()[0]
        print(f"\nvalues: {values / 1e6:.1f} MB, {values / rows:.0f} bytes a row")


main()
