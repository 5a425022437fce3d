# shellcheck shell=bash
# What the three copies of the demo do to their data. Read by demo.sh, which has edit, raw and show.

edit_world() {
  note 'all three change one row, two of them one cell'
  edit alice "UPDATE country SET name = 'Cape Verde' WHERE code = 'CV'"
  edit bob "UPDATE country SET name = 'Cabo Verde (CV)' WHERE code = 'CV'"
  edit carol "UPDATE country SET official_name = 'Rep. Cabo Verde' WHERE code = 'CV'"
  note 'two add the same row'
  edit alice "INSERT INTO currency VALUES ('XBT', '000', 'Bitcoin')"
  edit carol "INSERT INTO currency VALUES ('XBT', '000', 'Bitcoin (unofficial)')"
  note 'one deletes what another changes'
  edit alice "DELETE FROM script WHERE code = 'Afak'"
  edit bob "UPDATE script SET name = 'Afaka (Ndyuka)' WHERE code = 'Afak'"
  note 'one moves a row to another key (delete and insert), another changes it'
  edit bob "UPDATE currency SET code = 'HRK-2022' WHERE code = 'HRK'"
  edit carol "UPDATE currency SET name = 'Croatian Kuna (old)' WHERE code = 'HRK'"
  note 'two change many rows, each another column: no conflict'
  edit carol "UPDATE subdivision SET type = lower(type) WHERE country = 'CH'"
  edit bob "UPDATE subdivision SET name = name || ' (CH)' WHERE country = 'CH'"
  note 'one deletes what another begins to refer to'
  edit carol "DELETE FROM country WHERE code = 'AQ'"
  edit bob "INSERT INTO subdivision VALUES ('AQ-01', 'AQ', NULL, 'Area', 'Byrd')"
}

show_world() {
  note "two people's edits in one row, and nothing lost that only one of them made"
  show sql carol.db "SELECT name, official_name FROM country WHERE code = 'CV'"
}

# A merge cannot know whether the reference or the delete was meant. People can, in any one copy.
mend_world() {
  title 'Bob refers to what Carol deleted: mended in one copy, the others follow'
  show check alice.db || [ $? = 1 ]
  edit alice "DELETE FROM subdivision WHERE code = 'AQ-01'"
  show sync alice.db bob.db
  show sync bob.db carol.db
  show check carol.db
}

name() { printf '"%s"' "${1//\"/\"\"}"; } # as an SQL name

# The same kinds of edits for any database: up to three tables with enough rows and a plain column.
edit_any() {
  local table key keys literals column number leaf edited=0
  while IFS=$'\t' read -r table key keys literals column number leaf; do
    [ "$(raw alice.db "SELECT count(*) FROM $(name "$table")")" -ge 6 ] || continue
    edit_table
    edited=$((edited + 1))
    [ $edited -lt 3 ] || break
  done < <(raw alice.db "
    WITH replicated AS (SELECT tbl_name AS t FROM sqlite_schema
                        WHERE type = 'trigger' AND name = tbl_name || '__crsql_itrig'),
      keys AS (SELECT t, count(*) AS parts, max(upper(type) LIKE '%INT%') AS number,
                 group_concat(q, ', ') AS list, group_concat('quote(' || q || ')', '||'', ''||') AS literals
               FROM (SELECT t, type, '\"' || replace(name, '\"', '\"\"') || '\"' AS q
                     FROM replicated, pragma_table_info(t) WHERE pk > 0 ORDER BY t, pk) GROUP BY t),
      plain AS (SELECT t, name, (upper(type) LIKE '%CHAR%' OR upper(type) LIKE '%TEXT%') AS text, cid
                FROM replicated, pragma_table_info(t) WHERE pk = 0 AND upper(type) NOT LIKE '%BLOB%'
                  AND name NOT IN (SELECT \"from\" FROM pragma_foreign_key_list(t)))
    SELECT k.t, iif(parts > 1, 'many', iif(number, 'number', 'text')), list, literals, p.name, 1 - p.text,
      NOT EXISTS (SELECT 1 FROM replicated AS r, pragma_foreign_key_list(r.t) AS f
                  WHERE f.\"table\" = k.t COLLATE NOCASE) AS leaf
    FROM keys AS k JOIN plain AS p ON p.t = k.t
      AND p.cid = (SELECT cid FROM plain AS o WHERE o.t = k.t ORDER BY text DESC, cid LIMIT 1)
    ORDER BY leaf DESC, k.t")
  [ $edited -gt 0 ] || note 'no table has enough rows to edit'
}

# row N: a condition for the N-th row of the table.
row() { raw alice.db "SELECT '($keys) = (' || $literals || ')' FROM $(name "$table") ORDER BY $keys LIMIT 1 OFFSET $1"; }

edit_table() { # of edit_any's variables
  local t c copy new columns set n rows=() words=()
  t=$(name "$table") c=$(name "$column")
  for n in 0 1 2 4; do
    rows[n]=$(row $n)
    words[n]=${rows[n]#*) = }
    [ "$key" = many ] || words[n]=${words[n]:1:-1}
    words[n]="$table ${words[n]}"
  done
  note "$table: all three change one cell"
  for copy in alice bob carol; do
    set="'$copy: ' || coalesce($c, '')"
    [ "$number" = 0 ] || set="coalesce($c, 0) + ${#copy}"
    edit $copy "UPDATE OR IGNORE $t SET $c = $set WHERE ${rows[0]}" "${words[0]}: another $column"
  done
  [ "$leaf" = 1 ] || return 0 # nobody refers to its rows: they may go, and change their keys
  note 'one deletes what another changes'
  edit alice "DELETE FROM $t WHERE ${rows[1]}" "${words[1]}: deleted"
  edit bob "UPDATE OR IGNORE $t SET $c = $set WHERE ${rows[1]}" "${words[1]}: another $column"
  [ "$key" != many ] || return 0
  note 'one moves a row to another key (delete and insert), another changes it'
  new="$keys || '-new'"
  [ "$key" = text ] || new="(SELECT max($keys) FROM $t) + 1000"
  edit alice "UPDATE OR IGNORE $t SET $keys = $new WHERE ${rows[2]}" "${words[2]}: another key"
  edit bob "UPDATE OR IGNORE $t SET $c = $set WHERE ${rows[2]}" "${words[2]}: another $column"
  note 'a new row'
  columns=$(raw alice.db "SELECT group_concat('\"' || replace(name, '\"', '\"\"') || '\"', ', ')
    FROM pragma_table_info('${table//\'/\'\'}') WHERE pk = 0")
  edit carol "INSERT OR IGNORE INTO $t ($keys, $columns)
    SELECT ${new/1000/2000}, $columns FROM $t WHERE ${rows[4]}" "${words[4]}: copied to a new row"
}
