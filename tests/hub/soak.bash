#!/usr/bin/env bash
# ./run soak [SECONDS [CLIENTS [SEED]]]: clients of a hub that come, go and die; then the room's file
# is checked.
# shellcheck source=tests/hub/lib_load.bash
source "$(dirname "$0")/lib_load.bash"
start rooms
load soak "${1:-600}" "${2:-200}" "${3:-1}" || {
  tail -n 5 log >&2
  exit 1
}
stop
"$TRIBUTARY" check rooms/soak.db
