#!/usr/bin/env bash
# Serves the example with a hub on loopback, and prints the address. ./run demo browser
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
bash examples/browser-todo/build.sh
exec node examples/browser-todo/serve.mjs "$@"
