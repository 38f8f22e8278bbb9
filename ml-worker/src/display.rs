//! What a person sees: one line on a terminal that stays in place, or a plain line every few seconds.

use std::{
    fmt,
    io::{self, IsTerminal, Write},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};
use quern_client::{Role, Template};
use tokio::sync::watch;
use tracing_subscriber::fmt::MakeWriter;

use crate::link::Feed;

/// Time between two updates on a terminal.
const TICK: Duration = Duration::from_millis(250);
/// Time between two plain lines.
const LINE_EVERY: Duration = Duration::from_secs(5);
/// Weight of the newest step in the smoothed loss.
const LOSS_WEIGHT: f64 = 0.05;

/// What the trainer is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// No template has come yet, or the connection is lost.
    #[default]
    Connecting,
    /// The account's templates show no such run.
    NoRun,
    /// Steps are repeated without draws, up to this one.
    Replaying(u64),
    /// Every step draws for the lottery.
    Mining,
    /// The window is used up under this template.
    Waiting,
}

/// What the trainer reports.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Progress {
    /// What it is doing.
    pub phase: Phase,
    /// Steps that the state contains.
    pub step: u64,
    /// Steps that the chain has committed.
    pub committed: u64,
    /// Multiply–accumulates of all lottery products since the start.
    pub macs: u128,
    /// Mean cross-entropy per row in nats, smoothed over steps.
    pub loss: Option<f64>,
    /// Share of held-out rows that the model gets right, in [0, 1].
    pub accuracy: Option<f64>,
    /// Blocks that the run has sealed, by the chain's count.
    pub seals: u64,
    /// Shares credited to the run, by the chain's count.
    pub shares: u64,
    /// Claims accepted since the start.
    pub claims: u64,
    /// Duties under way, beside mining.
    pub duties: usize,
}

/// The trainer's report, shared between its thread and the display.
#[derive(Clone, Debug, Default)]
pub struct Gauges(Arc<Mutex<Progress>>);

impl Gauges {
    /// Changes the report.
    pub fn update(&self, change: impl FnOnce(&mut Progress)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// The report as it is now.
    pub fn read(&self) -> Progress {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress {
    /// Takes the mean loss of one more step into the smoothed one.
    pub fn smooth_loss(&mut self, loss: f64) {
        let smoothed = self
            .loss
            .map_or(loss, |old| old + LOSS_WEIGHT * (loss - old));
        self.loss = Some(smoothed);
    }
}

/// One line about everything.
struct Line<'a> {
    progress: Progress,
    feed: &'a Feed,
    roles: &'a [Role],
    /// Lottery multiply–accumulates per second.
    rate: f64,
}

impl Line<'_> {
    /// What a miner's trainer is doing.
    fn training(&self, f: &mut fmt::Formatter<'_>, template: &Template) -> fmt::Result {
        let Progress {
            step, committed, ..
        } = self.progress;
        write!(f, " | difficulty {}", Scaled(template.difficulty as f64))?;
        match self.progress.phase {
            Phase::Replaying(to) => write!(f, " | replaying step {step} of {to}")?,
            Phase::NoRun => f.write_str(" | waiting for a live run")?,
            _ => write!(
                f,
                " | {:.2} GMAC/s | step {step} | committed {committed}",
                self.rate / 1e9
            )?,
        }
        if let Some(loss) = self.progress.loss {
            write!(f, " | loss {loss:.4}")?;
        }
        if let Some(accuracy) = self.progress.accuracy {
            write!(f, " | held-out {:.2} %", accuracy * 100.0)?;
        }
        write!(
            f,
            " | seals {} | shares {} | claims {}",
            self.progress.seals, self.progress.shares, self.progress.claims
        )
    }
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mines = self.roles.contains(&Role::Miner);
        let template = self.feed.template.as_deref();
        let height = match template {
            Some(template) => template.number.saturating_sub(1),
            None if mines || self.feed.best == 0 => return f.write_str("waiting for the node"),
            None => self.feed.best,
        };
        write!(f, "height {height} | finalised {}", self.feed.finalised)?;
        if let Some(template) = template {
            self.training(f, template)?;
        }
        let others = self.roles.iter().filter(|role| **role != Role::Miner);
        let others: Vec<String> = others
            .map(|role| format!("{role:?}").to_lowercase())
            .collect();
        if !others.is_empty() {
            write!(
                f,
                " | {} | duties {}",
                others.join(", "),
                self.progress.duties
            )?;
        }
        Ok(())
    }
}

/// A number with three digits and a decimal prefix.
struct Scaled(f64);

impl fmt::Display for Scaled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefixes = ["", "k", "M", "G", "T", "P", "E"];
        let fits = |power: &usize| self.0 < 1000f64.powi(*power as i32 + 1);
        let power = (0..prefixes.len()).find(fits).unwrap_or(prefixes.len() - 1);
        let digits = if power == 0 { 0 } else { 2 };
        write!(
            f,
            "{:.digits$}{}",
            self.0 / 1000f64.powi(power as i32),
            prefixes[power]
        )
    }
}

/// Lottery work per second between two looks.
struct Rate {
    macs: u128,
    at: Instant,
    value: f64,
}

impl Rate {
    fn look(&mut self, macs: u128) -> f64 {
        let seconds = self.at.elapsed().as_secs_f64();
        if seconds >= 1.0 {
            self.value = (macs - self.macs) as f64 / seconds;
            (self.macs, self.at) = (macs, Instant::now());
        }
        self.value
    }
}

/// The place where lines and log messages meet, so that neither cuts the other.
#[derive(Clone, Debug)]
pub struct Display {
    bar: ProgressBar,
    terminal: bool,
}

impl Default for Display {
    fn default() -> Self {
        let terminal = io::stderr().is_terminal();
        let bar = if terminal {
            ProgressBar::new_spinner().with_style(ProgressStyle::default_spinner())
        } else {
            ProgressBar::hidden()
        };
        Self { bar, terminal }
    }
}

impl Display {
    /// Shows progress until dropped: in place on a terminal, else a line on standard output every five seconds.
    pub async fn run(self, gauges: Gauges, feed: watch::Receiver<Feed>, roles: Vec<Role>) {
        let period = if self.terminal { TICK } else { LINE_EVERY };
        let mut ticks = tokio::time::interval(period);
        let mut rate = Rate {
            macs: 0,
            at: Instant::now(),
            value: 0.0,
        };
        ticks.tick().await;
        loop {
            ticks.tick().await;
            let progress = gauges.read();
            let rate = rate.look(progress.macs);
            let feed = feed.borrow().clone();
            let line = Line {
                progress,
                feed: &feed,
                roles: &roles,
                rate,
            };
            if self.terminal {
                self.bar.set_message(line.to_string());
                self.bar.tick();
            } else {
                let _ = writeln!(io::stdout(), "{line}");
            }
        }
    }

    /// Whether there is a terminal, so that colours make sense.
    pub fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Leaves the last line standing.
    pub fn finish(&self) {
        self.bar.abandon();
    }
}

impl<'a> MakeWriter<'a> for Display {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Write for Display {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bar.suspend(|| io::stderr().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

#[cfg(test)]
mod tests {
    use quern_client::WorkRules;

    use super::*;

    fn feed() -> Feed {
        let template = Template {
            number: 43,
            parent: [1; 32],
            pre_hash: [2; 32],
            genesis: [3; 32],
            author: [4; 32],
            difficulty: 12_345_678_901,
            rules: WorkRules {
                noise_rank: 32,
                max_ahead: 4096,
                share_difficulty: 1,
                omega_b: 0,
                omega_m: 0,
                max_vote_macs: 1 << 44,
                max_vote_bytes: 1 << 34,
            },
            runs: Vec::new(),
        };
        Feed {
            template: Some(Arc::new(template)),
            best: 42,
            finalised: 40,
        }
    }

    #[test]
    fn a_line_says_everything_a_person_watches() {
        let progress = Progress {
            phase: Phase::Mining,
            step: 640,
            committed: 512,
            macs: 1,
            loss: Some(0.25),
            accuracy: Some(0.9512),
            seals: 42,
            shares: 7,
            claims: 3,
            duties: 0,
        };
        let line = Line {
            progress,
            feed: &feed(),
            roles: &[Role::Miner],
            rate: 3.21e9,
        };
        assert_eq!(
            line.to_string(),
            "height 42 | finalised 40 | difficulty 12.35G | 3.21 GMAC/s | step 640 | committed 512 | loss 0.2500 | \
             held-out 95.12 % | seals 42 | shares 7 | claims 3"
        );
    }

    #[test]
    fn a_replay_shows_how_far_it_is() {
        let progress = Progress {
            phase: Phase::Replaying(512),
            step: 100,
            ..Progress::default()
        };
        let line = Line {
            progress,
            feed: &feed(),
            roles: &[Role::Miner],
            rate: 0.0,
        };
        assert!(line.to_string().contains("replaying step 100 of 512"));
    }

    #[test]
    fn without_a_node_the_line_says_so() {
        let line = Line {
            progress: Progress::default(),
            feed: &Feed::default(),
            roles: &[Role::Miner],
            rate: 0.0,
        };
        assert_eq!(line.to_string(), "waiting for the node");
    }

    #[test]
    fn who_does_not_mine_sees_the_duties() {
        let feed = Feed {
            template: None,
            ..feed()
        };
        let progress = Progress {
            duties: 2,
            ..Progress::default()
        };
        let line = Line {
            progress,
            feed: &feed,
            roles: &[Role::Verifier, Role::Supervisor],
            rate: 0.0,
        };
        assert_eq!(
            line.to_string(),
            "height 42 | finalised 40 | verifier, supervisor | duties 2"
        );
    }

    #[test]
    fn numbers_are_scaled_by_thousands() {
        for (number, text) in [
            (0.0, "0"),
            (999.0, "999"),
            (1500.0, "1.50k"),
            (2e21, "2000.00E"),
        ] {
            assert_eq!(Scaled(number).to_string(), text);
        }
    }
}
