#!/bin/sh
# Writes chain-specs/*.json from the chains that the built node knows by heart.
# QUERN_NODE names the binary; by default it is the one in the target directory.
set -eu
cd "$(dirname "$0")/.."
node=${QUERN_NODE:-${CARGO_TARGET_DIR:-target}/release/quern-node}

if [ ! -x "$node" ]; then
    echo "no node at $node; build it first: cargo build --release -p quern-node" >&2
    exit 1
fi
for chain in dev local; do
    "$node" export-chain-spec --chain "$chain" --output "chain-specs/$chain.json"
done
