#!/usr/bin/env bash
# The demo, on databases nobody made for it: Chinook and Northwind, if they are there.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"
unset TRIBUTARY_BENCH
TRIBUTARY_BUILD=$(dirname "$TRIBUTARY")
export TRIBUTARY_BUILD
demo=$source_dir/examples/demo/demo.sh

run_demo() { # run_demo DB
  checks=$((checks + 1))
  TRIBUTARY_DEMO_DIR=$work/copies bash "$demo" "$1" >out 2>err || fail "the demo failed on $1"
  has out '5. All three are one'
  has out 'one digest for all'
  has out 'resolved'
  lacks out 'not possible here'
  for copy in alice bob carol; do expect 0 check "copies/$copy.db"; done
}

expect_demo_fails() {
  checks=$((checks + 1))
  ! bash "$demo" "$1" >out 2>err || fail "the demo ran on $1"
}

make_db tiny.db "$schema; INSERT INTO note VALUES(1, 'one', NULL, NULL)"
checks=$((checks + 1))
bash "$demo" "$work/tiny.db" >out 2>err || fail 'the demo failed on a tiny database'
make_db nokey.db 'CREATE TABLE t(x)'
expect_demo_fails "$work/nokey.db"
expect_demo_fails "$work/missing.db"
is "$(ls missing.db 2>/dev/null)" ''

if [ -r "${SHARED_DATA:-}/chinook.sqlite" ]; then
  sum=$(checksum "$SHARED_DATA/chinook.sqlite")
  cp "$SHARED_DATA/chinook.sqlite" chinook.db
  run_demo "$work/chinook.db"
  is "$(checksum chinook.db)" "$sum"
else
  echo 'skipped: Chinook is not here'
fi
if [ -r "${SHARED_DATA:-}/northwind.sql" ]; then
  { echo 'PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY;'; cat "$SHARED_DATA/northwind.sql"; } |
    "$TRIBUTARY" sql -q --create --plain northwind.db || fail 'cannot make Northwind'
  run_demo "$work/northwind.db"
else
  echo 'skipped: Northwind is not here'
fi
finish
