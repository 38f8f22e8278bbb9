#!/usr/bin/env bash
# Installs what building needs on Debian or Ubuntu: system packages that are missing, and the Rust
# toolchain that rust-toolchain.toml names. Does nothing where everything is there.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"

# C and C++ for RocksDB and binaryen, libclang for its bindings, protoc for libp2p's messages,
# OpenSSL's headers.
packages=(build-essential ca-certificates clang git libclang-dev libssl-dev pkg-config protobuf-compiler)

if command -v dpkg-query >/dev/null; then
    missing=()
    for package in "${packages[@]}"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    if ((${#missing[@]})); then
        echo "installing ${missing[*]}"
        sudo=()
        if ((EUID)); then sudo=(sudo); fi
        "${sudo[@]}" apt-get update -q
        DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -q -y --no-install-recommends "${missing[@]}"
    fi
else
    echo "not Debian or Ubuntu: install the equivalents of ${packages[*]} yourself" >&2
fi

if ! command -v rustup >/dev/null; then
    echo "rustup is missing: install it as its web page says, then run this again" >&2
    exit 1
fi
cd "$ROOT"
rustup show active-toolchain >/dev/null 2>&1 || rustup toolchain install
# Not through a pipe to grep -q: rustup fails when its reader leaves early.
[[ $(rustup target list --installed) == *wasm32v1-none* ]] || rustup target add wasm32v1-none
[[ $(rustup component list --installed) == *rust-src* ]] || rustup component add rust-src
