#!/usr/bin/env bash
# Who may use a hub, and how much of it: tokens, JSON Web Tokens, TLS, and each limit by its name.
# shellcheck source=tests/hub/lib_hub.sh
source "$(dirname "$0")/lib_hub.sh"
for tool in curl openssl python3; do
  command -v $tool >/dev/null || { echo "no $tool here: skipped"; exit 0; }
done

replicas a.db b.db
sql a.db "INSERT INTO note VALUES(1, 'one', 'x', 1.5)"
site_a=$(sql a.db 'SELECT hex(crsql_site_id())')
for n in reader writer admin bound old; do printf 'token-of-the-%s\n' $n >$n.token; done
cat >tokens <<TOKENS
# a comment
{"token": "token-of-the-reader", "room": "notes", "sub": "r"}
{"token": "token-of-the-writer", "room": ["notes", "more"], "access": "write", "sub": "w"}
{"token": "token-of-the-admin", "room": "*", "access": "admin"}
{"token": "token-of-the-bound", "room": "notes", "access": "write", "site": "$site_a"}
{"token": "token-of-the-old", "room": "notes", "access": "write", "exp": 1700000000}
TOKENS
as() { printf -- '-HAuthorization: Bearer %s' "$(cat "$1.token")"; }

# --- Tokens.
hub --tokens tokens
is "$(get /healthz)" 200
is "$(get /metrics)" 401
is "$(get /v1/rooms/notes/token)" 401
has headers 'www-authenticate: Bearer'
is "$(get /v1/rooms/notes/token -H 'Authorization: Bearer token-of-nobody-here')" 401
# Read again; what is no file of tokens changes nothing.
echo '{"token": "token-of-nobody-here", "room": "*"}' >>tokens
kill -HUP "$hub"
until_true 5 logged '"event":"reload"'
is "$(get /v1/rooms/notes/token -H 'Authorization: Bearer token-of-nobody-here')" 404
echo nonsense >>tokens
kill -HUP "$hub"
until_true 5 logged 'tokens line 8'
is "$(get /v1/rooms/notes/token -H 'Authorization: Bearer token-of-nobody-here')" 404
sed -i '$d' tokens
is "$(get /v1/rooms/notes/token "$(as old)")" 401
has out expired
is "$(get /v1/rooms/other/token "$(as writer)")" 403
has out 'not for room other'
is "$(get /v1/rooms/notes/token "$(as reader)")" 404
is "$(get /v1/rooms/notes/schema "$(as writer)" -d "$schema")" 403
has out admin
is "$(get /v1/rooms/notes/changesets "$(as reader)" -d x)" 403
is "$(get /metrics "$(as writer)")" 403
is "$(get /metrics "$(as admin)")" 200

# A browser's WebSocket sends its token as a protocol.
upgrade() {
  get /v1/rooms/notes --http1.1 --max-time 1 -H 'Connection: Upgrade' -H 'Upgrade: websocket' \
    -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' -H 'Sec-WebSocket-Version: 13' "$@"
}
is "$(upgrade)" 401
is "$(upgrade -H 'Sec-WebSocket-Protocol: tributary, bearer.token-of-the-writer')" 101
has headers 'Sec-WebSocket-Protocol: tributary'

expect 1 sync a.db "$url/notes"
has err 'a token is needed'
one_line_error
expect 1 sync a.db "$url/notes" --token-file old.token
has err expired
expect 3 sync a.db "$url/notes" --token-file missing
has err missing
expect 1 sync a.db "$url/other" --token-file writer.token
has err 'not for room other'
expect 1 sync a.db "$url/notes" --token-file reader.token
has err 'no room notes'
expect 0 sync a.db "$url/notes" --token-file writer.token
# A reader is sent what is there, and gives nothing.
sql b.db "INSERT INTO note VALUES(2, 'two', NULL, NULL)"
expect 0 sync b.db "$url/notes" --token-file reader.token
has_title b.db one || fail 'not sent'
is "$(sql rooms/notes.db 'SELECT count(*) FROM note')" 1
# Bound to its site: its own changes, not those of others that it has.
sql a.db "INSERT INTO note VALUES(3, 'three', NULL, NULL)"
expect 0 sync a.db "$url/notes" --token-file bound.token
has_title rooms/notes.db three || fail 'not taken'
expect 0 sync a.db b.db
expect 1 sync a.db "$url/notes" --token-file bound.token
has err 'alone'
is "$(sql rooms/notes.db 'SELECT count(*) FROM note')" 2
expect 1 sync b.db "$url/notes" --token-file bound.token
sql a.db 'SELECT hex(changeset) FROM crsql_changesets' | tr -d '\n' |
  python3 -c 'import sys; sys.stdout.buffer.write(bytes.fromhex(sys.stdin.read()))' >all.changeset
is "$(get /v1/rooms/notes/changesets "$(as bound)" --data-binary @all.changeset)" 403
is "$(get /v1/rooms/notes/changesets "$(as writer)" --data-binary @all.changeset)" 200
equal a.db rooms/notes.db
expect 0 check rooms/notes.db
stop_hub

# Expired in the midst of a session.
printf '{"token": "token-of-the-short", "room": "notes", "access": "write", "exp": %s}\n' $(($(date +%s) + 2)) >short
echo token-of-the-short >short.token
hub --tokens short
expect 1 sync a.db "$url/notes" --token-file short.token --live
has err 'the token has expired'
stop_hub

# A token that is taken away ends its sessions, one whose rights change, too; the others go on.
begun() { [ "$(grep -c session_begin hub.log)" = "$1" ]; }
grep -E 'the-(writer|admin|reader)' tokens >changing
hub --tokens changing
for who in writer admin reader; do
  "$TRIBUTARY" sync b.db "$url/notes" --token-file $who.token --live >"live.$who" 2>&1 &
  servers+=($!)
  declare "live_$who=$!"
done
until_true 5 begun 3
sed -i '/the-writer/d; /the-reader/s/"room": "notes"/"room": "more"/' changing
kill -HUP "$hub"
wait "${live_writer:?}"
is $? 1
grep -q 'the token is no longer valid' live.writer || fail "$(cat live.writer)"
wait "${live_reader:?}"
is $? 1
grep -q "the token's rights are others now" live.reader || fail "$(cat live.reader)"
sql rooms/notes.db "UPDATE note SET body = 'to who is still there'"
reached() { [ "$(sql b.db "SELECT count(*) FROM note WHERE body = 'to who is still there'")" -gt 0 ]; }
until_true 5 reached
kill -INT "${live_admin:?}"
wait "$live_admin"
is $? 0
stop_hub

# A file that is none says which line.
for line in '{"room": "x"}' '{"token": "short", "room": "x"}' '{"token": "0123456789abcdef"}' nonsense \
  '{"token": "0123456789abcdef", "room": "../x"}' '{"token": "0123456789abcdef", "room": "x", "access": "all"}' \
  '{"token": "0123456789abcdef", "room": "x", "site": "12"}' '{"token": "0123456789abcdef", "room": "x", "exp": "soon"}'; do
  printf '# first\n%s\n' "$line" >bad
  expect 5 serve --dir rooms --listen 0 --tokens bad
  has err 'bad line 2'
done
expect 3 serve --dir rooms --listen 0 --tokens missing

# --- JSON Web Tokens.
base64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }
# jwt ALGORITHM CLAIMS OPENSSL-DGST-OPTIONS...
jwt() {
  local head
  head=$(printf '{"alg":"%s"}' "$1" | base64url).$(printf '%s' "$2" | base64url)
  printf '%s.%s' "$head" "$(printf '%s' "$head" | openssl dgst -sha256 -binary "${@:3}" | base64url)"
}
asks() { get /v1/rooms/notes/token -H "Authorization: Bearer $1"; }
claims='{"room":"notes","access":"write","exp":4000000000}'
secret=0123456789abcdef0123456789abcdef
echo $secret >secret
hub --jwt-key secret
is "$(asks "$(jwt HS256 "$claims" -hmac $secret)")" 200
is "$(asks "$(jwt HS256 "$claims" -hmac other)")" 401
is "$(asks "$(jwt HS256 '{"room":"notes","exp":1700000000}' -hmac $secret)")" 401
has out expired
is "$(asks "$(jwt HS256 '{"room":"notes","nbf":4000000000}' -hmac $secret)")" 401
is "$(asks "$(jwt HS256 '{"room":"other"}' -hmac $secret)")" 403
is "$(asks "$(jwt HS256 '{"access":"write"}' -hmac $secret)")" 401
has out 'claim room'
is "$(asks "$(printf '{"alg":"none"}' | base64url).$(printf '%s' "$claims" | base64url).")" 401
jwt HS256 "$claims" -hmac $secret >jwt.token
expect 0 sync a.db "$url/notes" --token-file jwt.token
stop_hub
openssl genrsa -out rsa.pem 2048 2>/dev/null
openssl rsa -in rsa.pem -pubout -out rsa.pub 2>/dev/null
hub --jwt-key rsa.pub
is "$(asks "$(jwt RS256 "$claims" -sign rsa.pem)")" 200
# The public key is no secret: who signs with it has signed nothing.
is "$(asks "$(jwt HS256 "$claims" -hmac "$(cat rsa.pub)")")" 401
has out RS256
stop_hub
expect 5 serve --dir rooms --listen 0 --jwt-key rsa.pem
has err 'no public key'
echo short >secret
expect 5 serve --dir rooms --listen 0 --jwt-key secret
has err '32 bytes'

# --- TLS, with a certificate of our own.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem -out cert.pem \
  -days 2 -subj /CN=localhost -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' 2>/dev/null
hub --tls-cert cert.pem --tls-key key.pem
secure=wss://localhost:$port/v1/rooms
is "$(curl -s --cacert cert.pem "https://localhost:$port/healthz")" ok
is "$(curl -s -o /dev/null -w '%{http_code}' "http://localhost:$port/healthz")" 000
expect 0 sync b.db "$secure/notes" --ca cert.pem
expect 0 sync a.db "$secure/notes" --ca cert.pem
equal a.db b.db
expect 3 sync a.db "$secure/notes"
one_line_error
stop_hub
expect 4 serve --dir rooms --listen 0 --tls-cert a.db --tls-key key.pem
has err '--tls-cert'
expect 2 serve --dir rooms --listen 0.0.0.0:0 --tokens tokens
has err '--plain-text'
servers+=()
hub --listen 0.0.0.0:0 --tokens tokens --plain-text
is "$(get /healthz)" 200
stop_hub

# --- Limits.
hub --max-frame 2000 --max-rooms 3 --max-connections-each 3 --rate 30 --first-byte-seconds 1
for size in 2001 300000; do
  head -c $size /dev/zero >large
  is "$(get /v1/rooms/notes/changesets --data-binary @large)" 413
  has out --max-frame
done
sql a.db "INSERT INTO note VALUES(500, hex(randomblob(4000)), NULL, NULL)"
expect 1 sync a.db "$url/notes"
has err --max-frame
# A small frame of what is large.
sql b.db "INSERT INTO note VALUES(501, hex(zeroblob(4000)), NULL, NULL)"
sql b.db "SELECT hex(changeset) FROM crsql_changesets(NULL) ORDER BY rows LIMIT 1" | tr -d '\n' |
  python3 -c 'import sys; sys.stdout.buffer.write(bytes.fromhex(sys.stdin.read()))' >bomb.changeset
is "$(($(stat -c %s bomb.changeset) < 2000))" 1
is "$(get /v1/rooms/notes/changesets --data-binary @bomb.changeset)" 413
has out 'uncompressed'
expect 1 sync b.db "$url/notes"
has err 'uncompressed'
sql b.db "DELETE FROM note WHERE id = 501"
expect 0 sync b.db "$url/two"
expect 0 sync b.db "$url/three"
expect 1 sync b.db "$url/four"
has err --max-rooms
# Connections that say nothing are closed, and the log says why.
exec 3<>"/dev/tcp/127.0.0.1/$port" 4<>"/dev/tcp/127.0.0.1/$port" 5<>"/dev/tcp/127.0.0.1/$port"
printf 'GET /v1' >&4
is "$(get /healthz)" 503
has out --max-connections-each
expect 4 sync b.db "$url/two"
has err --max-connections-each
until_true 5 logged --first-byte-seconds
exec 3>&- 4>&- 5>&-
until_true 5 answers 200
# A WebSocket without a hello.
exec 3<>"/dev/tcp/127.0.0.1/$port"
printf 'GET /v1/rooms/two HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n' >&3
timeout 10 cat <&3 >silent
has silent --first-byte-seconds
exec 3>&-
curl -s "$http/healthz?[1-200]" >out
has out 'limit of --rate'
sleep 0.3
is "$(get /healthz)" 200
stop_hub
hub --max-connections 2
exec 3<>"/dev/tcp/127.0.0.1/$port" 4<>"/dev/tcp/127.0.0.1/$port"
until_true 5 answers 503
has out 'limit of --max-connections'
exec 3>&- 4>&-
until_true 5 answers 200
stop_hub
finish
