//! End-to-end tests of Quern: the real binaries, over real RPC, on the loopback only.
//!
//! The tests lie in `tests/`; here is what they stand on:
//!
//! - [`binary`]: where the binaries are, and running one to its end;
//! - [`Chain`]: a chain spec with small work, so that blocks come fast;
//! - [`quern`]: the client's command, and what it reports;
//! - [`Customer`]: a client that pays for a training;
//! - [`Node`] and [`Worker`]: processes with folders of their own, killed and removed when dropped;
//! - [`Player`]: the development accounts;
//! - [`Holders`]: those who own the chain's tokens, and vote;
//! - [`Runtimes`]: the runtime that comes next, and one that must not;
//! - [`Walk`]: the commands of a page of the documentation;
//! - [`Hand`]: a miner inside the test, for seals that no honest worker makes;
//! - [`Books`]: all the money of a chain;
//! - [`until`] and [`turn`]: waiting, and one heavy test at a time;
//! - [`skip`]: for tests whose data or tools are not everywhere.
//!
//! Some look for what lies beside the checkout, in the folder `shared`; the environment can name other places:
//! `QUERN_DATA` for the folder of handwritten digits, `QUERN_REFERENCE` for the executable specification, `QUERN_PYTHON` for a
//! Python with numpy and blake3, `QUERN_NODE_MODULES` for the folder of a stock client library in JavaScript.
//!
//! No test asserts a duration: [`until`] is patient, and fails only when something does not happen at all.

pub mod binary;
mod books;
mod chain;
mod command;
mod customer;
mod digits;
mod hand;
mod holders;
mod node;
mod player;
mod process;
mod rpc;
mod runtimes;
mod skip;
mod turn;
mod wait;
mod walk;
mod worker;

pub use books::{Books, POOL, QRN, TREASURY};
pub use chain::{Chain, Work, glyphs, set_parameter};
pub use command::quern;
pub use customer::Customer;
pub use digits::digits;
pub use hand::{Drawn, Hand};
pub use holders::Holders;
pub use node::Node;
pub use player::Player;
pub use runtimes::Runtimes;
pub use skip::skip;
pub use turn::{Turn, turn};
pub use wait::{PATIENCE, until};
pub use walk::{Step, Walk};
pub use worker::{Report, Worker};
