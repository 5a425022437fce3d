#!/usr/bin/env bash
# Files that cr-sqlite wrote: `init` upgrades them and says so, commands that only read refuse them,
# those that write upgrade them.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"

# The fork's layout: table note with a row of this site, a tombstone, a row of another site, a row
# that was not recorded; and the clocks of a table that is gone.
clock='(key INTEGER NOT NULL, col_name TEXT NOT NULL, col_version INTEGER NOT NULL,
  db_version INTEGER NOT NULL, site_id INTEGER NOT NULL DEFAULT 0, seq INTEGER NOT NULL,
  ts TEXT NOT NULL DEFAULT 0, PRIMARY KEY(key, col_name)) WITHOUT ROWID, STRICT'
layout="CREATE TABLE crsql_master(\"key\" TEXT PRIMARY KEY, \"value\" ANY);
  INSERT INTO crsql_master VALUES('crsqlite_version', 170000);
  CREATE TABLE crsql_site_id(site_id BLOB NOT NULL, ordinal INTEGER PRIMARY KEY);
  CREATE UNIQUE INDEX crsql_site_id_site_id ON crsql_site_id(site_id);
  INSERT INTO crsql_site_id VALUES(x'0102030405060708090a0b0c0d0e0f10', 0), (randomblob(16), 1);
  CREATE TABLE crsql_tracked_peers(site_id BLOB NOT NULL, version INTEGER NOT NULL, seq INTEGER
    DEFAULT 0, tag INTEGER, event INTEGER, PRIMARY KEY(site_id, tag, event)) STRICT;
  CREATE TABLE crsql_db_versions(site_id BLOB NOT NULL PRIMARY KEY, db_version INTEGER NOT NULL)
    STRICT;
  INSERT INTO crsql_db_versions SELECT site_id, 7 FROM crsql_site_id;
  CREATE TABLE note(id INTEGER PRIMARY KEY NOT NULL, title TEXT);
  INSERT INTO note VALUES(1, 'mine'), (3, 'theirs'), (4, 'unknown');
  CREATE TABLE note__crsql_clock$clock;
  CREATE INDEX note__crsql_clock_dbv_idx ON note__crsql_clock(site_id, db_version);
  CREATE TABLE note__crsql_pks(__crsql_key INTEGER PRIMARY KEY, id);
  CREATE UNIQUE INDEX note__crsql_pks_pks ON note__crsql_pks(id);
  INSERT INTO note__crsql_pks VALUES(1, 1), (2, 2), (3, 3);
  INSERT INTO note__crsql_clock(key, col_name, col_version, db_version, site_id, seq) VALUES
    (1, 'title', 1, 5, 0, 0), (2, '-1', 2, 6, 0, 0), (3, 'title', 4, 7, 1, 2);
  CREATE TABLE gone__crsql_clock$clock;
  CREATE TABLE gone__crsql_pks(__crsql_key INTEGER PRIMARY KEY, id);
  CREATE TRIGGER note__crsql_itrig AFTER INSERT ON note WHEN crsql_internal_sync_bit() = 0
    BEGIN VALUES (crsql_after_insert('note', NEW.id)); END;"
make_db a.db "$layout"
cp a.db b.db
cp a.db c.db
cp a.db d.db
sum=$(checksum a.db)

# Who only reads says what to do.
for command in status check log "diff b.db" "sync --dry-run b.db"; do
  # shellcheck disable=SC2086
  expect 1 $command a.db
  one_line_error
  has err 'was written by cr-sqlite; upgrade it with: tributary init'
done
expect 1 sql --readonly a.db 'SELECT 1'
has err 'was written by cr-sqlite'
unchanged a.db "$sum"

expect 0 init a.db
has out 'upgraded from cr-sqlite (170000): 1 table, 3 clocks, 1 tombstone'
has out '1 row in a table but not recorded'
has out 'tables that are gone: gone'
has out 'already replicated'
lacks out 'forgotten'
is "$(sql a.db 'SELECT crsql_db_version()')" 8
expect 0 check a.db
expect 0 init a.db
lacks out 'upgraded'

json 0 init b.db
field "j['upgraded_from_crsqlite']['version'], j['upgraded_from_crsqlite']['clocks']" '(170000, 3)'
field "j['upgraded_from_crsqlite']['rows_recorded'], j['upgraded_from_crsqlite']['tables_gone']" "(1, 'gone')"
json 0 init b.db
field "'upgraded_from_crsqlite' in j" 'False'

# Other tables are replicated along with it.
sql --plain c.db 'CREATE TABLE tag(id INTEGER PRIMARY KEY)'
expect 0 init c.db tag
has out 'upgraded from cr-sqlite'
has out 'tag'
json 0 status c.db
field "[t['table'] for t in j['tables']]" "['note', 'tag']"

# Who writes upgrades it: the same as a new copy afterwards.
make_db e.db 'CREATE TABLE note(id INTEGER PRIMARY KEY NOT NULL, title TEXT)'
expect 0 init e.db
expect 0 sync d.db e.db
expect 0 diff d.db e.db
expect 0 check d.db
is "$(sql e.db 'SELECT id, title FROM note ORDER BY id' | tr '\t\n' ':;')" '1:mine;3:theirs;4:unknown;'

# What cannot be upgraded stays as it is.
for damage in "UPDATE crsql_master SET value = 140000" "DROP TABLE note__crsql_pks" \
  "CREATE UNIQUE INDEX u ON note(title)" "UPDATE note__crsql_clock SET site_id = 9"; do
  make_db f.db "$layout $damage"
  sum=$(checksum f.db)
  expect 5 init f.db
  one_line_error
  has err 'was written by cr-sqlite and cannot be upgraded'
  has err 'the file is unchanged'
  unchanged f.db "$sum"
done
finish
