//! What a Quern node may be asked for on the command line and by RPC, and the chains it knows by heart.
//!
//! Apart from the binary, whose wiring of client and network is most of the code to compile.

pub mod chain_spec;
pub mod cli;
pub mod rpc;
