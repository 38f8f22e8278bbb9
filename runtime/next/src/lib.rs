//! The runtime after this one, as WASM, and the same with a migration that fails.
//!
//! They are what a chain is upgraded to in the tests and in the demonstration: another `spec_version`, a
//! stricter rule for seals, a migration of storage. Both carry the `try-runtime` API, so what was tried is
//! what is enacted. In the WASM build this crate is that runtime.

#![cfg_attr(not(feature = "std"), no_std)]

#[cfg(target_family = "wasm")]
pub use quern_runtime::*;

#[cfg(feature = "std")]
#[allow(dead_code, missing_docs, unreachable_pub, reason = "generated")]
mod next {
    include!(concat!(env!("OUT_DIR"), "/NEXT"));
}

#[cfg(feature = "std")]
#[allow(dead_code, missing_docs, unreachable_pub, reason = "generated")]
mod broken {
    include!(concat!(env!("OUT_DIR"), "/BROKEN"));
}

/// The next runtime; `None` if it was built with `SKIP_WASM_BUILD`.
#[cfg(feature = "std")]
pub const NEXT: Option<&[u8]> = next::WASM_BINARY;

/// The next runtime with a migration that fails.
#[cfg(feature = "std")]
pub const BROKEN: Option<&[u8]> = broken::WASM_BINARY;
