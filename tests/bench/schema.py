"""What changing a schema costs, and taking over files: CPU milliseconds on a million rows.

    TRIBUTARY=build/release/tributary /usr/bin/python3 tests/bench/schema.py [ROWS] [DIRECTORY]

The rows have a text key and seven columns; files are in /dev/shm if there is one. The file of
cr-sqlite is made with plain SQL, in the fork's layout, of as many clock rows.
"""

import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time

TRIBUTARY = os.path.abspath(os.environ.get("TRIBUTARY", "build/release/tributary"))
EXTENSION = os.path.join(os.path.dirname(TRIBUTARY), "tributary")
ROWS = int(sys.argv[1]) if len(sys.argv) > 1 else 1000000
FILL = """WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < ?)
  INSERT INTO todo SELECT lower(hex(randomblob(16))), 'Title of the task number ' || i,
    'Buy ' || (i % 977) || ' and call ' || (i * 7919 % 100003), i % 2, 'owner' || (i % 100),
    1700000000 + i, (i % 50) / 10.0, 'home,work' FROM s"""
CRSQLITE = """
CREATE TABLE crsql_master("key" TEXT PRIMARY KEY, "value" ANY);
INSERT INTO crsql_master VALUES ('crsqlite_version', 170000);
CREATE TABLE crsql_site_id(site_id BLOB NOT NULL, ordinal INTEGER PRIMARY KEY);
INSERT INTO crsql_site_id VALUES (randomblob(16), 0);
CREATE TABLE crsql_db_versions(site_id BLOB NOT NULL PRIMARY KEY, db_version INTEGER NOT NULL) STRICT;
INSERT INTO crsql_db_versions SELECT site_id, 1 FROM crsql_site_id;
CREATE TABLE todo__crsql_pks(__crsql_key INTEGER PRIMARY KEY, id);
CREATE TABLE todo__crsql_clock(key INTEGER NOT NULL, col_name TEXT NOT NULL,
  col_version INTEGER NOT NULL, db_version INTEGER NOT NULL, site_id INTEGER NOT NULL DEFAULT 0,
  seq INTEGER NOT NULL, ts TEXT NOT NULL DEFAULT '0', PRIMARY KEY(key, col_name))
  WITHOUT ROWID, STRICT;
INSERT INTO todo__crsql_pks SELECT rowid, id FROM todo;
INSERT INTO todo__crsql_clock SELECT key, col, 1, 1, 0, (key - 1) * 7 + n, '0'
  FROM (SELECT __crsql_key AS key FROM todo__crsql_pks),
  (SELECT name AS col, cid - 1 AS n FROM pragma_table_info('todo') WHERE pk = 0);
CREATE UNIQUE INDEX todo__crsql_pks_pks ON todo__crsql_pks(id);
CREATE INDEX todo__crsql_clock_dbv_idx ON todo__crsql_clock(site_id, db_version);
"""


def load(db):
    db.enable_load_extension(True)
    db.load_extension(EXTENSION)


def make(path, rows, replicated):
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("CREATE TABLE todo(id TEXT PRIMARY KEY NOT NULL, title TEXT, body TEXT, done INT, "
               "owner TEXT, due INT, priority REAL, tags TEXT)")
    if replicated:
        load(db)
        db.execute("SELECT crsql_as_crr('todo')")
    db.execute(FILL, (rows,))
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return db


def cpu(db, *statements):
    before = time.process_time()
    for sql in statements:
        db.execute(sql).fetchall()
    return 1000 * (time.process_time() - before)


def show(what, ms, goal=""):
    print(f"| {what:52} | {ms:9.1f} | {goal:21} |", flush=True)


def alter(db, sql):
    return cpu(db, "SELECT crsql_begin_alter('todo')", sql, "SELECT crsql_commit_alter('todo')")


def main():
    shm = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryDirectory(dir=sys.argv[2] if len(sys.argv) > 2 else shm) as folder:
        print(f"| {f'{ROWS:,} rows':52} | {'CPU ms':>9} | {'goal':21} |")
        print(f"|{'-' * 54}|{'-' * 10}:|{'-' * 23}|")
        db = make(os.path.join(folder, "a.db"), ROWS, True)
        show("ADD COLUMN, then one row updated",
             cpu(db, "ALTER TABLE todo ADD COLUMN x DEFAULT 5",
                 "UPDATE todo SET x = 6 WHERE rowid = 7"))
        show("begin_alter, ADD COLUMN, commit_alter",
             alter(db, "ALTER TABLE todo ADD COLUMN y"), "50")
        show("begin_alter, RENAME COLUMN, commit_alter",
             alter(db, "ALTER TABLE todo RENAME COLUMN due TO until"))
        ours = alter(db, "ALTER TABLE todo DROP COLUMN owner")
        show("begin_alter, DROP COLUMN, commit_alter", ours)
        plain = make(os.path.join(folder, "p.db"), ROWS, False)
        for column in ("x DEFAULT 5", "y"):
            plain.execute(f"ALTER TABLE todo ADD COLUMN {column}")
        theirs = cpu(plain, "ALTER TABLE todo DROP COLUMN owner")
        show(f"DROP COLUMN in plain SQLite: ours is {ours / theirs:.2f}x", theirs, "1.5x")
        plain.close()
        show("crsql_new_site_id", cpu(db, "SELECT crsql_new_site_id()"))
        db.close()
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([TRIBUTARY, "clone", "-q", os.path.join(folder, "a.db"),
                        os.path.join(folder, "b.db")], check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        show("tributary clone", 1000 * (after.ru_utime + after.ru_stime - before.ru_utime -
                                        before.ru_stime))
        old = make(os.path.join(folder, "o.db"), ROWS // 7, False)
        old.executescript(CRSQLITE)
        old.close()
        old = sqlite3.connect(os.path.join(folder, "o.db"), isolation_level=None)
        start = time.process_time()
        load(old)
        show(f"a file of cr-sqlite, {ROWS // 7 * 7:,} clock rows", 1000 *
             (time.process_time() - start), "10,000")


main()
