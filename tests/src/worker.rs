//! A running `quern-worker`.

use std::path::Path;

use crate::{Node, Player, binary, process::Process, until};

/// A worker beside a node; killed when dropped. Its folder is the test's.
#[derive(Debug)]
pub struct Worker {
    process: Process,
    begins: usize,
}

/// One plain line of a worker.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Report {
    /// Height of the node's best block.
    pub height: u64,
    /// Height of its last finalised block.
    pub finalised: u64,
    /// Steps that the worker's state contains.
    pub step: u64,
    /// Steps of the last claim that the chain has seen revealed.
    pub committed: u64,
    /// Smoothed loss, once a step is done.
    pub loss: Option<f64>,
    /// Held-out accuracy in percent, once measured.
    pub held_out: Option<f64>,
    /// Blocks that the run has sealed.
    pub seals: u64,
    /// Shares credited to the run.
    pub shares: u64,
    /// Claims accepted since the worker started.
    pub claims: u64,
}

impl Worker {
    /// Starts a worker with one thread and the player's key. It mines, unless `more`, which are further arguments, gives it
    /// other roles.
    pub fn start(node: &Node, player: Player, data_dir: &Path, more: &[&str]) -> Self {
        let mut command = binary::command("quern-worker");
        command
            .args(["--node", &node.url(), "--key", &player.suri()])
            .args(["--threads", "1", "--data-dir"])
            .arg(data_dir)
            .args(more);
        let log = data_dir.with_extension("log");
        let begins = std::fs::metadata(&log).map_or(0, |file| file.len() as usize);
        let name = format!("{}'s worker", player.name());
        Self {
            process: Process::start(&name, command, log),
            begins,
        }
    }

    /// Ends the worker as `kill -9` does.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Ends the worker as a terminal does.
    ///
    /// # Panics
    /// If it does not end well.
    pub fn stop(&mut self) {
        assert!(self.process.stop(), "the worker did not stop well");
    }

    /// What it has printed and logged since it started.
    pub fn log(&self) -> String {
        self.process.log().split_off(self.begins)
    }

    /// Its plain lines so far, oldest first.
    pub fn reports(&self) -> Vec<Report> {
        self.log().lines().filter_map(Report::read).collect()
    }

    /// Waits for a line that satisfies `wanted`.
    ///
    /// # Panics
    /// If none comes, or if the worker ends.
    pub async fn reports_that(&mut self, what: &str, wanted: impl Fn(&Report) -> bool) -> Report {
        until(what, async || {
            let found = self.reports().into_iter().find(|report| wanted(report));
            if found.is_none() && !self.process.is_running() {
                panic!("the worker ended, waiting for: {what}");
            }
            found
        })
        .await
    }

    /// Waits until it has printed or logged `words`, and gives the rest of that line.
    ///
    /// # Panics
    /// If it does not, or if it ends.
    pub async fn says(&mut self, words: &str) -> String {
        until(&format!("the worker says {words:?}"), async || {
            let log = self.log();
            let found = log.split_once(words).map(|(_, rest)| {
                let line = rest.split_once('\n').map(|(line, _)| line);
                line.map(ToOwned::to_owned)
            });
            if found.is_none() && !self.process.is_running() {
                panic!("the worker ended without {words:?}");
            }
            found.flatten()
        })
        .await
    }
}

impl Report {
    /// Reads a line such as `height 42 | finalised 40 | … | held-out 95.12 % | seals 42 | shares 7 | claims 3`.
    fn read(line: &str) -> Option<Self> {
        let field = |name: &str| {
            let found = line.split(" | ").find_map(|part| part.strip_prefix(name));
            found.map(|value| value.trim_end_matches('%').trim())
        };
        let count = |name| field(name)?.parse().ok();
        Some(Self {
            height: count("height ")?,
            finalised: count("finalised ")?,
            step: count("step ")?,
            committed: count("committed ")?,
            loss: field("loss ").and_then(|loss| loss.parse().ok()),
            held_out: field("held-out ").and_then(|percent| percent.parse().ok()),
            seals: count("seals ")?,
            shares: count("shares ")?,
            claims: count("claims ")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_line_reads_back() {
        let line = "height 42 | finalised 40 | difficulty 12.35G | 3.21 GMAC/s | step 640 | committed 512 | loss 0.2500 | \
                    held-out 95.12 % | seals 42 | shares 7 | claims 3";
        let report = Report {
            height: 42,
            finalised: 40,
            step: 640,
            committed: 512,
            loss: Some(0.25),
            held_out: Some(95.12),
            seals: 42,
            shares: 7,
            claims: 3,
        };
        assert_eq!(Report::read(line), Some(report));
    }

    #[test]
    fn other_lines_are_no_reports() {
        for line in [
            "",
            "waiting for the node",
            "INFO connected to ws://127.0.0.1:1",
        ] {
            assert_eq!(Report::read(line), None);
        }
    }
}
