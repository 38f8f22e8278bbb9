//! JSON-RPC for programs that don't speak SCALE: the market as the chain has it, and the node itself.
//!
//! | namespace | module | answers from |
//! | --- | --- | --- |
//! | `market` | [`market`] | the runtime's `MarketApi` at the best block |
//! | `quern` | [`quern`] | this node, its process and its place in the market |
//!
//! The rules of the JSON are those of the `work` namespace: numbers that may not fit a double travel
//! as decimal strings, hashes and accounts as `0x` hex.

mod account;
pub mod market;
pub mod process;
pub mod quern;
pub mod vitals;

#[cfg(test)]
mod testing;

pub use account::AccountParam;
pub use market::{Market, MarketApiServer};
pub use quern::{Identity, Quern, QuernApiServer};
pub use vitals::{Traffic, Vitals};
