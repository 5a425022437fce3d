#!/usr/bin/python3
"""Three copies of a shopping list, edited apart, made equal: with Python's sqlite3 module.

    /usr/bin/python3 shopping_list.py build/release/tributary.so

Each copy asks the others only for what it has not seen: per author, changes above a version.
Needs a Python whose sqlite3 may load extensions; Debian's may.
"""

import sqlite3
import sys

COLUMNS = '"table", pk, cid, val, col_version, db_version, site_id, cl, seq'


def open_copy(extension):
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.enable_load_extension(True)
    db.load_extension(extension)
    db.enable_load_extension(False)
    db.execute("CREATE TABLE item (name TEXT PRIMARY KEY NOT NULL, amount INT, shop TEXT)")
    db.execute("SELECT crsql_as_crr('item')")
    return db


def merge(source, target, seen):
    """Brings the changes that target lacks. `seen` is what it got from this source, per author."""
    received = 0
    target.execute("BEGIN IMMEDIATE")
    for (site,) in source.execute("SELECT site_id FROM crsql_site_id").fetchall():
        changes = source.execute(
            f"SELECT {COLUMNS} FROM crsql_changes WHERE site_id = ? AND db_version > ?",
            (site, seen.get(site, 0)),
        )
        for change in changes:
            marks = ", ".join("?" * len(change))
            target.execute(f"INSERT INTO crsql_changes ({COLUMNS}) VALUES ({marks})", change)
            received += 1
    target.execute("COMMIT")
    return received


def own_changes(db):
    """What everybody knows who has received all of this copy's own changes."""
    return dict([db.execute("SELECT crsql_site_id(), crsql_db_version()").fetchone()])


def main(extension):
    anna, ben, cleo = (open_copy(extension) for _ in range(3))
    anna.execute("INSERT INTO item VALUES ('milk', 1, 'corner'), ('soap', 2, NULL)")
    print("ben gets", merge(anna, ben, {}), "changes")
    print("cleo gets", merge(ben, cleo, {}), "changes, relayed")
    before = own_changes(anna)

    anna.execute("UPDATE item SET amount = 2 WHERE name = 'milk'")
    ben.execute("UPDATE item SET amount = 3, shop = 'market' WHERE name = 'milk'")
    cleo.execute("DELETE FROM item WHERE name = 'soap'")
    cleo.execute("INSERT INTO item VALUES ('tea', 1, 'market')")

    print("ben gets", merge(anna, ben, before), "changes")
    merge(cleo, ben, {})
    merge(ben, anna, {})
    merge(ben, cleo, {})

    lists = [db.execute("SELECT * FROM item ORDER BY name").fetchall() for db in (anna, ben, cleo)]
    digests = {db.execute("SELECT crsql_digest()").fetchone()[0] for db in (anna, ben, cleo)}
    for row in lists[0]:
        print(row)
    assert lists[0] == lists[1] == lists[2] and len(digests) == 1
    print("all three are equal")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: shopping_list.py path/to/tributary.so")
    main(sys.argv[1])
