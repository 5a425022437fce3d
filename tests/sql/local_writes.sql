-- Section 5.1 of the semantics reference.
CREATE TABLE foo(a INTEGER PRIMARY KEY NOT NULL, b, c);
SELECT crsql_as_crr('foo');
INSERT INTO foo VALUES(1, 2, 3);
SELECT * FROM crsql_changes;
UPDATE foo SET b = 9;
SELECT * FROM crsql_changes;
UPDATE foo SET b = 9;
UPDATE foo SET b = 10, c = 11;
SELECT * FROM crsql_changes;
DELETE FROM foo;
SELECT * FROM crsql_changes;
INSERT INTO foo VALUES(1, 5, 6);
SELECT * FROM crsql_changes;
DELETE FROM foo;
INSERT INTO foo(a) VALUES(1);
SELECT * FROM crsql_changes;
UPDATE foo SET a = 2;
SELECT * FROM crsql_changes;

-- A key that moves onto a deleted one, with another column changed.
.db b
CREATE TABLE foo(a INTEGER PRIMARY KEY NOT NULL, b, c);
SELECT crsql_as_crr('foo');
INSERT INTO foo VALUES(2, 0, 0);
DELETE FROM foo;
INSERT INTO foo VALUES(1, 2, 3);
UPDATE foo SET a = 2, b = 99;
SELECT * FROM crsql_changes;

-- REPLACE.
.db c
CREATE TABLE foo(a INTEGER PRIMARY KEY NOT NULL, b, c);
SELECT crsql_as_crr('foo');
INSERT INTO foo VALUES(1, 2, 3);
INSERT OR REPLACE INTO foo VALUES(1, 2, 4);
SELECT * FROM crsql_changes;
PRAGMA recursive_triggers = 1;
INSERT OR REPLACE INTO foo VALUES(1, 2, 5);
SELECT * FROM crsql_changes;

-- Only a key.
.db d
CREATE TABLE k(a, b, PRIMARY KEY(b, a));
SELECT crsql_as_crr('k');
INSERT INTO k VALUES(1, 'x');
SELECT * FROM crsql_changes;
DELETE FROM k;
SELECT * FROM crsql_changes;
INSERT INTO k VALUES(1, 'x');
SELECT * FROM crsql_changes;

-- One transaction.
.db e
CREATE TABLE foo(a INTEGER PRIMARY KEY NOT NULL, b, c);
SELECT crsql_as_crr('foo');
BEGIN;
INSERT INTO foo VALUES(1, 2, 3);
INSERT INTO foo VALUES(2, 2, 3);
UPDATE foo SET b = 3;
DELETE FROM foo WHERE a = 2;
COMMIT;
SELECT * FROM crsql_changes;
SELECT site_id, db_version FROM crsql_db_versions;
