#!/usr/bin/env bash
# The tests of the browser build, in Chromium; ./run test browser builds what they need. Arguments
# are names of files, without .test.mjs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
files=(./*.test.mjs)
[ $# = 0 ] || files=("${@/%/.test.mjs}")
bad=0
for file in "${files[@]}"; do
  node --test --test-timeout=180000 "$file" || bad=1
done
exit $bad
