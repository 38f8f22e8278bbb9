//! A client's `quern task submit`, running: it serves the data for as long as the task needs them.

use std::path::Path;

use serde_json::Value;

use crate::{Node, Player, binary, process::Process, until};

/// The command beside the test; killed when dropped.
#[derive(Debug)]
pub struct Customer {
    process: Process,
}

impl Customer {
    /// Orders what `spec` says from the rows of `data`; blobs and log lie in `folder`.
    ///
    /// # Panics
    /// If the folder can't be written to.
    pub fn order(node: &Node, player: Player, spec: &str, data: &str, folder: &Path) -> Self {
        let file = folder.join("spec.toml");
        std::fs::write(&file, spec).expect("the folder can be written to");
        let mut command = binary::command("quern");
        command
            .args(["task", "submit", "--json"])
            .arg(&file)
            .args(["--data", data, "--key", &player.suri()])
            .args(["--url", &node.url(), "--blobs"])
            .arg(folder.join("served"));
        Self {
            process: Process::start("the customer", command, folder.join("submit.log")),
        }
    }

    /// Waits until the command has ended, and gives what it reported of the task.
    ///
    /// # Panics
    /// If it reported nothing.
    pub async fn report(&mut self) -> Value {
        until("the customer's command ends", async || {
            (!self.process.is_running()).then_some(())
        })
        .await;
        let log = self.process.log();
        let report = log.find("\n{").map_or(log.as_str(), |at| &log[at..]);
        serde_json::from_str(report).expect("a report in JSON")
    }
}
