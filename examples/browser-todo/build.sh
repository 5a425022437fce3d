#!/usr/bin/env bash
# Checks the example's types and builds it into build/browser-todo, ready to be served from anywhere.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
tools=build/wasm-tools/node_modules
out=build/browser-todo
"$tools/.bin/tsc" -p examples/browser-todo
rm -rf $out && mkdir -p $out
"$tools/.bin/esbuild" examples/browser-todo/app.ts --bundle --format=esm --target=es2022 --minify \
  --alias:tributary=./build/wasm/index.js --outfile=$out/app.js --log-level=warning
cp examples/browser-todo/{index.html,style.css} build/wasm/{worker.js,tributary.wasm} $out/
