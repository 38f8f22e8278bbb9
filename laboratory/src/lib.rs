//! The laboratory of Snow consensus: seeded simulations of the library's engines, and what to make of them.
//!
//! | module | noun |
//! | --- | --- |
//! | [`config`], [`network`] | what is simulated, as a TOML file |
//! | [`simulation`] | the discrete-event simulator around the engines of `quern-snow` |
//! | [`outcome`], [`record`] | how a run ended; every vote, poll and state of it |
//! | [`sweep`] | many runs, seed by seed |
//! | [`score`], [`forest`] | who behaves oddly |
//! | [`folder`], [`plot`] | results as CSV, Parquet, SVG, PNG, JSON and a moving picture |
//! | [`cluster`] | nodes over real sockets |
//! | [`bounds`], [`forecast`] | how likely errors are and how long decisions take, by a first-order model |
//!
//! Integers of virtual time decide what happens in a run; floats only describe it.

mod animation;
mod blocks;
pub mod bounds;
pub mod cluster;
pub mod config;
pub mod folder;
pub mod forecast;
pub mod forest;
pub mod network;
pub mod outcome;
pub mod plot;
pub mod record;
mod rows;
pub mod score;
pub mod simulation;
mod subject;
pub mod sweep;
mod table;

pub use config::{ConfigError, Configuration};
pub use folder::{Folder, FolderError};
pub use outcome::Outcome;
pub use score::{Scores, score};
pub use simulation::{Run, SimulationError, simulate};
pub use sweep::{Sweep, sweep};
