# Sourced by the other scripts: the repository's root, and where compiled files go.
#
# Compiled files live outside the checkout, so that a fresh clone reuses the dependencies.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export ROOT
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/quern/target}
export PATH=$HOME/.cargo/bin:$PATH
BIN=$CARGO_TARGET_DIR/release
