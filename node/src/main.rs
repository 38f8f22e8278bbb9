//! The Quern node: a Substrate node whose blocks are sealed by training neural networks.
//!
//! Glue only; no rules live here. In the order in which they act:
//!
//! - [`cli`] says what may be asked for on the command line, [`command`] does it;
//! - [`chain_spec`] names the chains this binary knows by heart;
//! - [`check`] checks a block of the database again;
//! - [`service`] wires client, network, GRANDPA and the engine of `quern-pouw` into a running node;
//! - [`rpc`] adds our JSON-RPC modules to those that every Substrate node serves.

mod chain_spec;
mod check;
mod cli;
mod command;
mod rpc;
mod service;

use std::process::ExitCode;

fn main() -> ExitCode {
    match command::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("Error: {error}");
            ExitCode::FAILURE
        }
    }
}
