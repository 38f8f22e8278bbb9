#!/usr/bin/env bash
# Installs what is missing, builds, and starts a development chain with one worker beside it: blocks
# are sealed by training a network on images. Ctrl-C ends both.
#
#   scripts/dev.sh [--keep FOLDER] [WORKER OPTIONS]
#
# Without --keep, chain and training states are thrown away at the end.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"

keep=
if [[ ${1-} == --keep ]]; then
    keep=${2:?--keep needs a folder}
    shift 2
fi

"$ROOT/scripts/build.sh"

if [[ $keep ]]; then
    mkdir -p "$keep"
    base=$(cd "$keep" && pwd)
else
    base=$(mktemp -d -t quern-dev.XXXXXX)
fi

node=
worker=
finish() {
    trap - EXIT INT TERM
    for process in $worker $node; do
        kill "$process" 2>/dev/null || true
        wait "$process" 2>/dev/null || true
    done
    [[ $keep ]] || rm -rf "$base"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

"$BIN/quern-node" --dev --base-path "$base/node" >"$base/node.log" 2>&1 &
node=$!

# The node takes another port where 9944 is taken; its log says which.
address=
for _ in {1..300}; do
    address=$(sed -n 's/.*JSON-RPC server: addr=\([0-9.:]*\).*/\1/p' "$base/node.log" | tail -n 1)
    [[ $address ]] && break
    if ! kill -0 "$node" 2>/dev/null; then
        echo "the node has ended:" >&2
        tail -n 5 "$base/node.log" >&2
        exit 1
    fi
    sleep 0.2
done
echo "node: ws://$address, log in $base/node.log"
# Waited for, not in the foreground: so the traps act at once.
"$BIN/quern-worker" --dev --node "ws://$address" --data-dir "$base/worker" "$@" &
worker=$!
wait "$worker"
