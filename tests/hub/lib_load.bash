# shellcheck shell=bash
# What ./run bench hub and ./run soak share: a folder of its own, one of TMPDIR, as its disk counts, and
# a hub in it. Environment: TRIBUTARY, HUB_LOAD.
set -euo pipefail
: "${TRIBUTARY:?}" "${HUB_LOAD:?}"
work=$(mktemp -d)
hub=
trap '[ -z "$hub" ] || kill "$hub" 2>/dev/null; rm -rf "$work"' EXIT
cd "$work"

# start ROOMS: sets port and url.
start() {
  "$TRIBUTARY" serve --dir "$1" --listen 127.0.0.1:0 --rate 0 2>log &
  hub=$!
  for _ in $(seq 100); do
    port=$(sed -n 's/.*"listening","url":"ws:[^"]*:\([0-9]*\)".*/\1/p' log)
    [ -n "$port" ] && break
    sleep 0.05
  done
  url=ws://127.0.0.1:$port
}
stop() { kill "$hub" && wait "$hub" && hub=; }
load() { "$HUB_LOAD" "$url" "$hub" "$@"; }
