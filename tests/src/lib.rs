//! End-to-end tests of Quern: the real binaries, over real RPC, on the loopback only.
//!
//! The tests lie in `tests/`; here is what they stand on:
//!
//! - [`binary`]: where the binaries are, and running one to its end;
//! - [`Chain`]: a chain spec with small work, so that blocks come fast;
//! - [`Customer`]: a client that pays for a training;
//! - [`Node`] and [`Worker`]: processes with folders of their own, killed and removed when dropped;
//! - [`Player`]: the development accounts;
//! - [`Hand`]: a miner inside the test, for seals that no honest worker makes;
//! - [`Books`]: all the money of a chain;
//! - [`until`] and [`turn`]: waiting, and one heavy test at a time;
//! - [`skip`]: for tests whose data or tools are not everywhere.
//!
//! Some look for what lies beside the checkout, in the folder `shared`; the environment can name other places:
//! `QUERN_DATA` for the folder of handwritten digits, `QUERN_REFERENCE` for the executable specification, `QUERN_PYTHON` for a
//! Python with numpy and blake3.
//!
//! No test asserts a duration: [`until`] is patient, and fails only when something does not happen at all.

pub mod binary;
mod books;
mod chain;
mod customer;
mod digits;
mod hand;
mod node;
mod player;
mod process;
mod rpc;
mod skip;
mod turn;
mod wait;
mod worker;

pub use books::{Books, POOL, QRN};
pub use chain::{Chain, Work, glyphs};
pub use customer::Customer;
pub use digits::digits;
pub use hand::{Drawn, Hand};
pub use node::Node;
pub use player::Player;
pub use skip::skip;
pub use turn::{Turn, turn};
pub use wait::{PATIENCE, until};
pub use worker::{Report, Worker};
