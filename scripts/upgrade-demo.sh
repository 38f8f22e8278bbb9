#!/usr/bin/env bash
# Replaces the runtime of a running chain: starts three nodes and a worker, tries the next runtime on the live state,
# passes it by referendum, hands it in, and shows the version change on every node while mining and finality go on.
#
#   scripts/upgrade-demo.sh [--dry-run-broken]
#
# With --dry-run-broken the runtime has a migration that would spoil the state: the try refuses it, and nothing is proposed.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"

broken=
case ${1-} in
    '') ;;
    --dry-run-broken) broken=1 ;;
    *)
        echo "usage: scripts/upgrade-demo.sh [--dry-run-broken]" >&2
        exit 2
        ;;
esac

"$ROOT/scripts/build.sh"

nodes=(alice bob charlie)
# Who votes: enough for the root track's first threshold. Not Alice: her worker signs with her key at the same time.
voters=(//Bob //Charlie //Dave //Eve //Ferdie //Alice//stash //Bob//stash)
base=$(mktemp -d -t quern-upgrade.XXXXXX)
processes=()
declare -A url

finish() {
    trap - EXIT INT TERM
    for process in "${processes[@]}"; do
        kill "$process" 2>/dev/null || true
        wait "$process" 2>/dev/null || true
    done
    rm -rf "$base"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say() {
    printf '\n%s\n' "$*"
}

# A fact of a report in JSON, by its name.
fact() {
    sed -n "s/^ *\"$1\": \"\{0,1\}\([^\",]*\)\"\{0,1\},\{0,1\}$/\1/p" | head -n 1
}

# The command on a node.
quern() {
    local node=$1
    shift
    "$BIN/quern" --url "${url[$node]}" "$@"
}

status() {
    quern "$1" status --json | fact "$2"
}

# Waits for a command to succeed, for five minutes at most: nothing here takes long.
until_true() {
    local what=$1
    shift
    for _ in {1..600}; do
        if "$@"; then
            return
        fi
        for process in "${processes[@]}"; do
            if ! kill -0 "$process" 2>/dev/null; then
                echo "a node or the worker has ended; the last lines of the logs:" >&2
                tail -n 5 "$base"/*.log >&2
                exit 1
            fi
        done
        sleep 0.5
    done
    echo "waited in vain: $what" >&2
    exit 1
}

# A port of the loopback that nobody listens on now.
free_port() {
    local port
    while true; do
        port=$((20000 + RANDOM % 20000))
        if ! (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            echo "$port"
            return
        fi
    done
}

# What a node's log tells once, behind these words.
logged() {
    sed -n "s/.*$2\([^ ,]*\).*/\1/p" "$base/$1.log" | tail -n 1
}

has_logged() {
    [[ $(logged "$1" "$2") ]]
}

start_node() {
    local name=$1 port
    port=$(free_port)
    local arguments=(
        --chain "$base/chain.json" --base-path "$base/$name" "--$name"
        --author "$("$BIN/quern" key show "//${name^}" --json | fact address)"
        --listen-addr "/ip4/127.0.0.1/tcp/$port" --rpc-port 0 --template-interval 2
        --no-mdns --no-prometheus --no-telemetry --unsafe-force-node-key-generation
    )
    if [[ ${boot-} ]]; then
        arguments+=(--bootnodes "$boot")
    fi
    "$BIN/quern-node" "${arguments[@]}" >"$base/$name.log" 2>&1 &
    processes+=($!)
    until_true "$name serves RPC" has_logged "$name" 'JSON-RPC server: addr='
    url[$name]=ws://$(logged "$name" 'JSON-RPC server: addr=')
    boot=${boot:-/ip4/127.0.0.1/tcp/$port/p2p/$(logged "$name" 'Local node identity is: ')}
    echo "  $name: ${url[$name]}"
}

final_on_all() {
    local name
    for name in "${nodes[@]}"; do
        (($(status "$name" finalised) >= $1)) || return 1
    done
}

version_on_all() {
    local name
    for name in "${nodes[@]}"; do
        (($(status "$name" specVersion) == $1)) || return 1
    done
}

table() {
    local name
    for name in "${nodes[@]}"; do
        printf '  %-8s runtime quern %s, height %s, finalised %s\n' "$name" \
            "$(status "$name" specVersion)" "$(status "$name" height)" "$(status "$name" finalised)"
    done
}

# Shows how the referendum stands whenever that has changed, until it is enacted.
enacted() {
    local line
    line=$(quern alice gov show "$1" | sed -n 's/^status *//p')
    if [[ $line != "${last_line-}" ]]; then
        echo "  block $(status alice height): $line"
        last_line=$line
    fi
    [[ $line == 'enacted in '* ]]
}

say "Three nodes and a worker, on the local chain with a block about every two seconds"
"$BIN/quern-node" export-chain-spec --chain local --output "$base/local.json" >/dev/null 2>&1
sed -e 's/"intervalMs": *6000/"intervalMs": 2000/' -e 's/"initial": *50000000000/"initial": 20000000000/' \
    "$base/local.json" >"$base/chain.json"
for name in "${nodes[@]}"; do
    start_node "$name"
done
"$BIN/quern-worker" --key //Alice --node "${url[alice]}" --data-dir "$base/worker" --threads 1 \
    >"$base/worker.log" 2>&1 &
processes+=($!)
until_true "blocks are final on every node" final_on_all 2
table

"$BIN/quern-runtime-next" "$base" >/dev/null
runtime=$base/quern_runtime_next.wasm
if [[ $broken ]]; then
    runtime=$base/quern_runtime_broken.wasm
fi
say "The new runtime, tried on the live state"
if "$BIN/quern-node" try-runtime --uri "${url[bob]}" --runtime "$runtime" >"$base/tried" 2>"$base/refused"; then
    grep -E '^(state|runtime|code hash|checks|weight) ' "$base/tried" | sed 's/^/  /'
    if [[ $broken ]]; then
        echo "the broken runtime was not refused" >&2
        exit 1
    fi
else
    grep . "$base/refused" | tail -n 4 | sed 's/^/  /'
    if [[ ! $broken ]]; then
        exit 1
    fi
    say "It is refused, so nobody proposes it; the chain goes on as it was"
    before=$(status alice finalised)
    until_true "finality goes on" final_on_all $((before + 2))
    table
    exit 0
fi

say "Bob proposes it, and seven holders vote"
index=$(quern alice gov propose upgrade "$runtime" --key //Bob --json | fact index)
votes=()
for voter in "${voters[@]}"; do
    quern alice gov vote "$index" aye --key "$voter" >/dev/null &
    votes+=($!)
done
for vote in "${votes[@]}"; do
    wait "$vote"
done
quern alice gov show "$index" | sed 's/^/  /'
until_true "the referendum is enacted" enacted "$index"

say "Charlie hands the runtime in"
quern charlie gov enact "$runtime" --key //Charlie | sed 's/^/  /'
until_true "every node runs the new runtime" version_on_all 2
table

say "Mining and finality go on"
before=$(status alice height)
until_true "blocks after the upgrade are final on every node" final_on_all $((before + 5))
table
tail -n 1 "$base/worker.log" | sed 's/^/  worker: /'
