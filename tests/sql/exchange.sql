-- Two databases, by hand: what an application does.
CREATE TABLE todo(id TEXT PRIMARY KEY NOT NULL, title TEXT NOT NULL, done INT NOT NULL DEFAULT 0);
SELECT crsql_as_crr('todo');
INSERT INTO todo(id, title) VALUES('milk', 'buy milk'), ('mow', 'mow the lawn');
UPDATE todo SET done = 1 WHERE id = 'milk';
SELECT "table", hex(pk), cid, val, col_version, db_version, cl, seq FROM crsql_changes;
SELECT "table", rows, tombstones FROM crsql_info;
.db b
CREATE TABLE todo(id TEXT PRIMARY KEY NOT NULL, title TEXT NOT NULL, done INT NOT NULL DEFAULT 0);
SELECT crsql_as_crr('todo');
INSERT INTO crsql_changes VALUES
  ('todo', x'010b046d696c6b', 'title', 'buy milk', 1, 1, x'0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a', 1, 0),
  ('todo', x'010b046d696c6b', 'done', 1, 2, 2, x'0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a', 1, 0);
SELECT * FROM todo;
SELECT * FROM crsql_changes;
DELETE FROM todo WHERE id = 'milk';
SELECT * FROM crsql_changes;
SELECT * FROM crsql_check;
SELECT "table", rows, tombstones FROM crsql_info;
