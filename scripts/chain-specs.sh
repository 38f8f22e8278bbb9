#!/usr/bin/env bash
# Writes chain-specs/*.json from the chains that the built node knows by heart.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$ROOT"
for chain in dev local; do
    "$BIN/quern-node" export-chain-spec --chain "$chain" --output "chain-specs/$chain.json"
done
