//! The Quern node: a Substrate node whose blocks are sealed by training neural networks.
//!
//! Glue only; no rules live here. The command line, the chain specs and the RPC for programs that don't speak SCALE
//! are in the library; here, in
//! the order in which they act:
//!
//! - [`command`] does what the command line asks for;
//! - [`check`] checks a block of the database again;
//! - [`try_runtime`] tries a runtime upgrade on the state of a live chain;
//! - [`service`] wires client, network, GRANDPA, Snow and the engine of `quern-pouw` into a running node;
//! - [`modules`] adds our JSON-RPC modules to those that every Substrate node serves.

mod check;
mod command;
mod modules;
mod service;
mod try_runtime;

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
