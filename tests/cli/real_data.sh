#!/usr/bin/env bash
# Chinook and Northwind, edited apart on three replicas, through every transport: two files, pipes,
# TCP, a folder, backup and restore. Two sessions in memory: tests/session/real_data_test.cc.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"

# edit REPLICA ROUND: what is edited in it. Many of the same cells as in the others.
edit_chinook() {
  case $1 in
    1) sql 1.db "UPDATE Track SET UnitPrice = UnitPrice + $2, Name = Name || ' 1.$2' WHERE GenreId = 1;
      DELETE FROM PlaylistTrack WHERE PlaylistId = 8 AND TrackId % 10 = $2; INSERT INTO Artist VALUES(1000 + $2, 'by 1')" ;;
    2) sql 2.db "UPDATE Track SET Name = upper(Name) || '$2' WHERE GenreId < 3; UPDATE Customer SET Company = '2.$2' WHERE CustomerId % 2;
      INSERT INTO Artist VALUES(1000 + $2, 'by 2'), (2000 + $2, NULL)" ;;
    3) sql 3.db "UPDATE Customer SET Company = '3.$2', Fax = NULL WHERE CustomerId % 3; DELETE FROM InvoiceLine WHERE InvoiceLineId % 50 = $2;
      UPDATE PlaylistTrack SET PlaylistId = 10 WHERE PlaylistId = 1 AND TrackId % 100 = $2" ;;
  esac
}
edit_northwind() {
  case $1 in
    1) sql 1.db "UPDATE Products SET UnitPrice = UnitPrice + $2; UPDATE Orders SET ShipCity = '1.$2', ShippedDate = NULL WHERE OrderID % 7 = $2;
      INSERT INTO Shippers(ShipperID, CompanyName) VALUES(100 + $2, 'by 1')" ;;
    2) sql 2.db "UPDATE Products SET UnitPrice = UnitPrice * 2, UnitsInStock = $2 WHERE CategoryID < 4;
      DELETE FROM \"Order Details\" WHERE OrderID % 20 = $2; INSERT INTO Shippers(ShipperID, CompanyName) VALUES(100 + $2, 'by 2')" ;;
    3) sql 3.db "UPDATE Orders SET ShipCity = '3.$2' WHERE OrderID % 5 = $2; UPDATE Employees SET Photo = randomblob(2000) WHERE EmployeeID < 3;
      UPDATE \"Order Details\" SET Quantity = Quantity + $2 WHERE OrderID % 20 < 3" ;;
  esac
}

problems() { # of check; only references that the original has, too
  "$TRIBUTARY" check --json "$1" >checked
  python3 -c 'import json; print(sorted((p["kind"], p["table"]) for p in json.load(open("checked"))["problems"]))'
}
equal() { # equal DB...: the same, and sound
  local db
  for db in "${@:2}"; do
    is "$(digest "$db")" "$(digest "$1")"
    expect 0 diff "$1" "$db"
  done
  is "$(problems "${@: -1}")" "$original_problems"
}
# through NAME: the database is 1.db, not replicated yet; its edits are edit_NAME.
through() {
  local edit=edit_$1 db
  original_problems=$(problems 1.db)
  sql --plain 1.db "SELECT sql || ';' FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
    ORDER BY type = 'view', type = 'index', rowid" >structure
  expect 0 init 1.db
  for db in 2.db 3.db; do
    "$TRIBUTARY" sql -q --create --plain $db <structure || fail "cannot make $db"
    expect 0 init $db
  done
  expect 0 sync 2.db 1.db # all of it, by files and by a session
  expect 0 sync 3.db --exec "'$TRIBUTARY' session 1.db"
  equal 1.db 2.db 3.db
  edit_all() { for db in 1 2 3; do $edit $db "$1"; done; }

  edit_all 1 # two files
  json 0 sync 1.db 2.db
  field "j['equal'], j['conflicts'] > 0" '(True, True)'
  expect 0 sync 2.db 3.db
  expect 0 sync 1.db 3.db
  equal 1.db 2.db 3.db

  edit_all 2 # pipes
  for db in 2.db 3.db 2.db; do
    json 0 sync 1.db --exec "'$TRIBUTARY' session $db"
    field "j['equal']" True
  done
  equal 1.db 2.db 3.db

  edit_all 3 # TCP
  serve 1.db
  for db in 2.db 3.db 2.db; do
    json 0 sync $db "tcp://127.0.0.1:$port"
    field "j['equal']" True
  done
  stop_server
  equal 1.db 2.db 3.db

  expect 0 sync 1.db --folder "F$1" # a folder: everything, then news
  edit_all 4
  for _ in 1 2; do for db in 1.db 2.db 3.db; do expect 0 sync $db --folder "F$1"; done; done
  equal 1.db 2.db 3.db
  expect 0 restore "F$1" --to new.db
  equal 1.db new.db

  expect 0 backup 1.db --to "B$1" # backup, restore, and on from there
  edit_all 5
  expect 0 backup 1.db --to "B$1"
  expect 0 restore "B$1" --to again.db
  equal 1.db again.db
  mv 2.db lost.db
  mv again.db 2.db
  $edit 2 6
  $edit 1 6
  expect 0 sync 1.db 2.db
  expect 0 sync 2.db 3.db
  expect 0 sync 1.db lost.db
  expect 0 sync 2.db lost.db
  expect 0 sync 3.db lost.db
  expect 0 sync 1.db 3.db
  expect 0 sync 2.db 3.db
  equal 1.db 2.db 3.db lost.db
  for db in 1.db 2.db 3.db; do is "$(problems $db)" "$original_problems"; done
  rm -f ./*.db
}

if [ -r "${SHARED_DATA:-}/chinook.sqlite" ]; then
  cp "$SHARED_DATA/chinook.sqlite" 1.db
  chmod u+w 1.db
  through chinook
else
  echo 'skipped: Chinook is not here'
fi
if [ -r "${SHARED_DATA:-}/northwind.sql" ]; then
  { echo 'PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY;'; cat "$SHARED_DATA/northwind.sql"; } |
    "$TRIBUTARY" sql -q --create --plain 1.db || fail 'cannot make Northwind'
  through northwind
else
  echo 'skipped: Northwind is not here'
fi
finish
