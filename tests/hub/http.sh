#!/usr/bin/env bash
# The hub's HTTP: curl as a client, tokens and waits, snapshots in ranges, schemas, health, metrics.
# shellcheck source=tests/hub/lib_hub.sh
source "$(dirname "$0")/lib_hub.sh"
for tool in curl python3; do
  command -v $tool >/dev/null || { echo "no $tool here: skipped"; exit 0; }
done

vector() { sql "$1" 'SELECT hex(crsql_version_vector())'; }
# apply DB FILE: one changeset.
apply() { sql "$1" "SELECT crsql_apply(x'$(od -An -v -tx1 "$2" | tr -d ' \n')')" >/dev/null; }
# changeset DB FILE: all of it, in one.
changeset() { sql "$1" "SELECT hex(changeset) FROM crsql_changesets" |
  python3 -c 'import sys; sys.stdout.buffer.write(bytes.fromhex(sys.stdin.read()))' >"$2"; }

hub
is "$(get /healthz)" 200
is "$(cat out)" ok
is "$(get /nowhere)" 404
is "$(get /v1/rooms/new/token)" 404
has out 'no room new'
is "$(get /v1/rooms/new/changesets)" 404
is "$(compgen -G 'rooms/new*')" ''

# A web page of somebody else's, by way of the user's browser.
is "$(get /v1/rooms/r/schema --data-binary "$schema" -H 'Origin: https://evil.example')" 403
is "$(get /healthz -H 'Host: evil.example')" 403
is "$(get /healthz -H 'Origin: http://localhost:3000')" 200

# --- curl writes and reads.
replicas a.db b.db
sql a.db "INSERT INTO note VALUES(1, 'one', 'x', 1.5), (2, 'two', NULL, NULL)"
changeset a.db one.changeset
is "$(get /v1/rooms/r/schema --data-binary "$schema")" 200
is "$(get /v1/rooms/r/changesets --data-binary @one.changeset)" 200
field "sorted(j)" "['token']"
token=$(sed 's/.*"token":"\([^"]*\)".*/\1/' out)
is "$(get /v1/rooms/r/token)" 200
is "$(cat out)" "$token"
is "$(sql a.db "SELECT crsql_has('$token')")" 1
equal a.db rooms/r.db
is "$(get "/v1/rooms/r/changesets?have=$(vector b.db)")" 200
has headers "tributary-token: $token"
has headers 'cache-control: no-store'
apply b.db out
equal a.db b.db
is "$(get "/v1/rooms/r/changesets?have=$(vector b.db)")" 204
is "$(sql b.db "SELECT crsql_has('$token')")" 1

# A URL that names the room's state, too, is one that a cache may keep; of another it leads there.
is "$(get "/v1/rooms/r/changesets?at=$token")" 200
has headers 'immutable'
sql a.db "UPDATE note SET title = 'ONE' WHERE id = 1"
changeset a.db two.changeset
is "$(get /v1/rooms/r/changesets --data-binary @two.changeset)" 200
is "$(get "/v1/rooms/r/changesets?at=$token")" 307
lacks headers immutable
is "$(get "/v1/rooms/r/changesets?at=$token" -L)" 200

# --- Damaged, foreign and unwanted.
is "$(get /v1/rooms/r/changesets --data-binary nonsense)" 400
has out 'no changeset'
head -c 100 one.changeset >part
is "$(get /v1/rooms/r/changesets --data-binary @part)" 400
is "$(get /v1/rooms/r/changesets -X PUT --data-binary @one.changeset)" 405
is "$(get '/v1/rooms/r/changesets?have=xyz')" 400
has out crsql_version_vector
is "$(get /v1/rooms/r/token -d x)" 405
for name in Notes .hidden ..%2f..%2fetc '%2e%2e' 'a%00b' "$(printf 'n%.0s' $(seq 101))" 'a%20b'; do
  code=$(get "/v1/rooms/$name/token" --path-as-is)
  case $code in # 000: closed without a word
    400 | 403 | 404 | 000) checks=$((checks + 1)) ;;
    *) fail "room $name: $code" ;;
  esac
done
is "$(get /v1/rooms/Notes/token)" 400
has out 'a-z'
is "$(find . -newer one.changeset -name '*.db' ! -path './rooms/*' ! -name a.db ! -name b.db)" ''

# --- Waits.
is "$(get "/v1/rooms/r/wait?token=$token&timeout=5")" 200
has out seen
sql a.db "UPDATE note SET title = 'later' WHERE id = 2"
later=$(sql a.db 'SELECT crsql_token()')
is "$(get "/v1/rooms/r/wait?token=$later&timeout=0")" 504
curl -s -o waited "$http/v1/rooms/r/wait?token=$later&timeout=20" &
waiting=$!
sleep 0.2
expect 0 sync a.db "$url/r"
wait "$waiting"
is "$(cat waited)" seen
is "$(get '/v1/rooms/r/wait?token=nonsense')" 400
is "$(get "/v1/rooms/r/wait?token=$later&timeout=many")" 400

# --- Snapshots.
is "$(get /v1/rooms/r/snapshot)" 200
cp out whole.db
etag=$(sed -n 's/^etag: \(.*\)\r$/\1/p' headers)
expect 0 check whole.db
size=$(stat -c %s whole.db)
is "$(get /v1/rooms/r/snapshot -r 1000-4999 -H "If-Range: $etag")" 206
has headers "content-range: bytes 1000-4999/$size"
is "$(cmp out <(tail -c +1001 whole.db | head -c 4000))" ''
is "$(get /v1/rooms/r/snapshot -r -10)" 206
is "$(get /v1/rooms/r/snapshot -r "$size-")" 416
has headers "content-range: bytes */$size"
is "$(get /v1/rooms/r/snapshot -I)" 200
has headers "content-length: $size"
# A download that broke off goes on in the copy that it began with, though the room has changed.
sql rooms/r.db "UPDATE note SET body = 'changed since'"
head -c 5000 whole.db >resumed.db
is "$(get /v1/rooms/r/snapshot -r 5000- -H "If-Range: $etag")" 206
cat out >>resumed.db
is "$(cmp resumed.db whole.db)" ''
is "$(get /v1/rooms/r/snapshot -r 5000- -H 'If-Range: "other"')" 200
is "$(compgen -G 'rooms/.snapshots/*')" ''
# Many ask at once, while the room is written to: what each gets is whole, and of one moment.
stop_hub
hub --snapshot-seconds 0
sql rooms/r.db "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9000)
  INSERT INTO note SELECT 1000 + i, hex(randomblob(500)), NULL, NULL FROM n"
loads=()
for i in 1 2 3 4; do
  curl -s -o "load$i.db" "$http/v1/rooms/r/snapshot" &
  loads+=($!)
done
for i in 1 2 3 4 5; do
  sql rooms/r.db "UPDATE note SET body = 'round $i', stars = $i WHERE id >= 1000"
  is "$(get /v1/rooms/r/token)" 200
done
wait "${loads[@]}"
for i in 1 2 3 4; do
  expect 0 check "load$i.db"
  is "$(sql "load$i.db" "SELECT count(*) || ' ' || count(DISTINCT ifnull(stars, 0)) FROM note WHERE id >= 1000")" '9000 1'
done
is "$(compgen -G 'rooms/.snapshots/*')" ''
# A newcomer: a clone of it has an id of its own, and goes on by sync.
expect 0 clone whole.db new.db
expect 0 sync new.db "$url/r"
has_title new.db later || fail 'not in the clone'
equal new.db rooms/r.db

# --- Tables: by an operator, and never anything else.
is "$(get /v1/rooms/r/schema --data-binary "CREATE TABLE note(id INTEGER PRIMARY KEY NOT NULL, title TEXT NOT NULL, body TEXT, stars REAL, more DEFAULT 5)")" 200
is "$(sql rooms/r.db 'SELECT more FROM note WHERE id = 1')" 5
for sql in 'DROP TABLE note' "ATTACH '/tmp/x.db' AS x" 'CREATE TABLE t AS SELECT 1' 'nonsense' '' \
  'CREATE TRIGGER t AFTER INSERT ON note BEGIN SELECT 1; END' 'CREATE VIRTUAL TABLE f USING fts5(x)' \
  'CREATE TABLE crsql_x(a PRIMARY KEY NOT NULL)' 'CREATE TABLE u(a PRIMARY KEY NOT NULL, b UNIQUE)' \
  'SELECT 1' "PRAGMA writable_schema = 1" 'CREATE VIEW v AS SELECT 1' \
  'CREATE TABLE note(id TEXT PRIMARY KEY NOT NULL)'; do
  is "$sql: $(get /v1/rooms/r/schema --data-binary "$sql ")" "$sql: 400"
done
expect 0 check rooms/r.db

# --- What an operator watches.
is "$(get /metrics)" 200
has out 'tributary_transactions_total '
has out '# TYPE tributary_sessions gauge'
if command -v python3 >/dev/null; then
  is "$(python3 -c 'import json, sys; print(sum("event" in json.loads(l) for l in open("hub.log")) > 0)')" True
fi
# Several requests on one connection.
is "$(curl -s -w '%{http_code} %{num_connects};' -o /dev/null "$http/healthz" -o /dev/null "$http/healthz")" '200 1;200 0;'
stop_hub
finish
