"""Progress on a terminal: amount, rate and, where the total is known, percentage and time left. And
none where standard error is no terminal, or nobody wants it. Work of some seconds is made of few
rows by a CHECK that takes long."""

import os
import pathlib
import pty
import re
import resource
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

TRIBUTARY = os.environ["TRIBUTARY"]
SLOW_BYTES = 1_000_000
SECONDS = 2  # of work, at least: the line comes after one
PROBE = 50

failures = []
checks = 0


def check(good, what):
    global checks
    checks += 1
    if not good:
        failures.append(what)
        print("FAIL", what)


def run(*arguments):
    return subprocess.run([TRIBUTARY, *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL)


def must(*arguments):
    done = run(*arguments)
    if done.returncode != 0:
        sys.exit(f"tributary {' '.join(arguments)}: {done.returncode} {done.stderr}")
    return done.stdout


def on_terminal(*arguments, during=None):
    """What it draws on its standard error, a terminal of 120 columns. `during` gets the process."""
    master, slave = pty.openpty()
    subprocess.run(["stty", "cols", "120", "rows", "24"], stdin=slave, check=True)
    process = subprocess.Popen([TRIBUTARY, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=slave)
    os.close(slave)
    if during:
        during(process)
    drawn = b""
    while True:
        ready, _, _ = select.select([master], [], [], 60)
        try:
            data = os.read(master, 65536) if ready else b""
        except OSError:  # the other end is closed
            data = b""
        if not data:
            break
        drawn += data
    os.close(master)
    process.stdout.close()
    check(process.wait() == 0, f"{arguments}: exit code {process.returncode}: {drawn[-300:]}")
    return drawn.decode()


RATE = r"[0-9.,]+ (rows|row|B|KB|MB|transactions?)/s"


def lines(text):
    return [line for line in text.split("\r\x1b[K") if line]


def expect_progress(name, text, label, known):
    drawn = lines(text)
    check(drawn, f"{name}: nothing was drawn")
    check(any(label in line for line in drawn), f"{name}: no line says '{label}': {drawn[-3:]}")
    check(any(re.search(RATE, line) for line in drawn), f"{name}: no rate: {drawn[-3:]}")
    if known:
        check(any(re.search(r"[1-9][0-9]* %.*, [0-9.]+ s left", line) for line in drawn),
              f"{name}: no percentage and time left: {drawn[-3:]}")
    check(text.endswith("\r\x1b[K"), f"{name}: the line is left there: {text[-80:]!r}")
    check(all(len(line) < 120 for line in drawn), f"{name}: a line is too long")
    print(f"{name}: {drawn[len(drawn) // 2]}")


def make(name, rows=0, slow=True, transactions=20):
    constraint = f"CHECK(length(hex(zeroblob({SLOW_BYTES} + id % 2))) > 0)" if slow else ""
    must("sql", "-q", "--create", "--plain", name,
         f"CREATE TABLE note(id INTEGER PRIMARY KEY NOT NULL, body TEXT {constraint})")
    must("init", "-q", name)
    each = -(-rows // transactions)
    if rows:
        must("sql", "-q", name, "".join(
            f"WITH RECURSIVE s(i) AS (SELECT {start} UNION ALL SELECT i + 1 FROM s WHERE i + 1 < {start + each}) "
            "INSERT INTO note SELECT i, hex(randomblob(50)) FROM s;" for start in range(0, rows, each)))


def cpu():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main():
    make("probe.db")
    began = cpu()
    must("sql", "-q", "probe.db", f"WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < {PROBE}) "
         "INSERT INTO note SELECT i, 'x' FROM s")
    rows = int(PROBE * SECONDS / (cpu() - began))
    make("source.db", rows, slow=False)
    batch = ("--batch", str(rows * 100 // 20))  # some twenty pieces

    make("files.db")
    text = on_terminal("sync", "source.db", "files.db", *batch)
    expect_progress("two files", text, "source.db → files.db", known=True)
    make("dry.db")
    text = on_terminal("sync", "source.db", "dry.db", "--dry-run", *batch)
    expect_progress("dry run", text, "source.db → dry.db", known=True)

    make("session.db")
    text = on_terminal("sync", "session.db", "--exec", f"'{TRIBUTARY}' session source.db")
    expect_progress("session", text, "syncing", known=False)

    # Reading has many frames where there are many segments.
    for i in range(8):
        must("sql", "-q", "source.db", f"UPDATE note SET body = body || '{i}' WHERE id % 8 = {i}")
        must("sync", "-q", "source.db", "--folder", "F")
    make("folder.db")
    text = on_terminal("sync", "folder.db", "--folder", "F")
    expect_progress("folder", text, "reading", known=True)
    shutil.copy("folder.db", "slow.db")

    must("backup", "-q", "folder.db", "--to", "B")
    for i in range(4):
        must("sql", "-q", "folder.db", f"UPDATE note SET body = body || '{i}' WHERE id % 20 = {i}")
        must("backup", "-q", "folder.db", "--to", "B")
    text = on_terminal("restore", "B", "--to", "restored.db")
    expect_progress("restore", text, "restoring", known=False)  # most of it is one frame

    # Writing is fast: stopped for a while in the middle of it.
    make("big.db", 150_000, slow=False)

    def stop(process):
        until = time.monotonic() + 30
        def begun():  # the first changeset is there
            return any(file.stat().st_size > 10_000 for file in pathlib.Path("W").glob("*/.1-*.tmp"))

        while not begun() and process.poll() is None and time.monotonic() < until:
            time.sleep(0.001)
        process.send_signal(signal.SIGSTOP)
        time.sleep(1.2)
        process.send_signal(signal.SIGCONT)

    text = on_terminal("backup", "big.db", "--to", "W", during=stop)
    expect_progress("backup", text, "writing", known=True)

    # No terminal, or nobody wants it: nothing.
    make("silent.db")
    done = run("sync", "source.db", "silent.db", *batch)
    check(done.returncode == 0 and done.stderr == "", f"no terminal: {done.stderr!r}")
    make("quiet.db")
    check(on_terminal("sync", "-q", "source.db", "quiet.db") == "", "--quiet: something was drawn")
    make("json.db")
    check(on_terminal("sync", "--json", "source.db", "json.db") == "", "--json: something was drawn")
    # Less than a second: nothing.
    check(on_terminal("sync", "source.db", "silent.db") == "", "short work: something was drawn")


with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    main()
    os.chdir("/")
print(f"{len(failures)} of {checks} checks failed" if failures else f"{checks} checks")
sys.exit(1 if failures else 0)
