# shellcheck shell=bash
# What the hub's scripts share, beside those of the command line.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../cli/lib.sh"

# hub [OPTIONS]: a hub on the folder rooms; sets hub, port, url and http, and writes to hub.log.
hub() {
  : >hub.log
  "$TRIBUTARY" serve --dir rooms --listen 127.0.0.1:0 "$@" 2>hub.log </dev/null &
  hub=$!
  servers+=("$hub")
  for _ in $(seq 100); do
    port=$(sed -n 's/.*"event":"listening","url":"wss\?:[^"]*:\([0-9]*\)".*/\1/p' hub.log)
    [ -z "$port" ] || break
    sleep 0.05
  done
  [ -n "$port" ] || fail "no hub: $(cat hub.log)"
  # shellcheck disable=SC2034  # the scripts use it
  url=ws://127.0.0.1:$port/v1/rooms http=http://127.0.0.1:$port
}

stop_hub() {
  kill "$hub"
  wait "$hub"
  is $? 0
}

# get PATH [CURL OPTIONS]: prints the status; the body is in out, the headers in headers.
get() {
  curl -s -D headers -o out -w '%{http_code}' "${@:2}" "$http$1"
}

answers() { [ "$(get /healthz)" = "$1" ]; }
logged() { grep -qF -- "$1" hub.log; }
has_title() { [ "$(sql "$1" "SELECT count(*) FROM note WHERE title = '$2'")" = 1 ]; }
