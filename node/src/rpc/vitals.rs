//! A node's pulse: samples of its process and its traffic, taken at a steady beat.

use super::process::Process;
use parking_lot::Mutex;
use std::{
    future::Future,
    num::NonZero,
    sync::Arc,
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// Time between two samples.
pub const BEAT: Duration = Duration::from_secs(5);

/// Bytes that passed through the network since the node started.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Traffic {
    /// Bytes received.
    pub received: u64,
    /// Bytes sent.
    pub sent: u64,
}

/// What was seen at one beat.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// When, to measure the time between samples.
    pub at: Instant,
    /// When, for people.
    pub clock: SystemTime,
    /// The process, where it can be seen.
    pub process: Option<Process>,
    /// The network's counters, while the network runs.
    pub traffic: Option<Traffic>,
}

/// The two latest samples.
#[derive(Debug, Default)]
pub struct Vitals(Mutex<Option<(Option<Sample>, Sample)>>);

/// What the two latest samples say.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pulse {
    /// The latest beat, in milliseconds since 1970.
    pub beat: Option<u64>,
    /// Share of all processors' time that the process used between the beats, in percent.
    pub cpu_percent: Option<f64>,
    /// Bytes of memory in RAM.
    pub resident: Option<u64>,
    /// Bytes that passed since the node started.
    pub traffic: Option<Traffic>,
    /// Bytes that passed in a second, between the beats.
    pub rate: Option<Traffic>,
}

impl Vitals {
    /// Takes in the latest sample.
    pub fn record(&self, sample: Sample) {
        let mut samples = self.0.lock();
        *samples = Some((samples.map(|(_, latest)| latest), sample));
    }

    /// The pulse on a machine with this many processors.
    pub fn pulse(&self, processors: usize) -> Pulse {
        let Some((before, latest)) = *self.0.lock() else {
            return Pulse::default();
        };
        let between = before.and_then(|before| {
            let elapsed = latest.at.saturating_duration_since(before.at);
            (!elapsed.is_zero()).then(|| (before, elapsed.as_secs_f64()))
        });
        Pulse {
            beat: latest
                .clock
                .duration_since(UNIX_EPOCH)
                .ok()
                .and_then(|since| u64::try_from(since.as_millis()).ok()),
            cpu_percent: between.and_then(|(before, seconds)| {
                let used = latest.process?.cpu.saturating_sub(before.process?.cpu);
                Some(100.0 * used.as_secs_f64() / seconds / processors.max(1) as f64)
            }),
            resident: latest.process.map(|process| process.resident),
            traffic: latest.traffic,
            rate: between.and_then(|(before, seconds)| {
                let (now, then) = (latest.traffic?, before.traffic?);
                let rate = |now: u64, then: u64| (now.saturating_sub(then) as f64 / seconds) as u64;
                Some(Traffic {
                    received: rate(now.received, then.received),
                    sent: rate(now.sent, then.sent),
                })
            }),
        }
    }
}

/// Processors that this process may use.
pub fn processors() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

/// Samples at every [`BEAT`], for ever; `traffic` reads the network's counters.
pub async fn watch<F>(vitals: Arc<Vitals>, traffic: impl Fn() -> F + Send)
where
    F: Future<Output = Option<Traffic>> + Send,
{
    let mut beats = tokio::time::interval(BEAT);
    // After a stall, the next samples keep their distance: a rate over no time would mean nothing.
    beats.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        beats.tick().await;
        let traffic = traffic().await;
        vitals.record(Sample {
            at: Instant::now(),
            clock: SystemTime::now(),
            process: Process::current(),
            traffic,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(start: Instant, seconds: u64, used: u64, bytes: u64) -> Sample {
        Sample {
            at: start + Duration::from_secs(seconds),
            clock: UNIX_EPOCH + Duration::from_secs(1_000 + seconds),
            process: Some(Process {
                cpu: Duration::from_secs(used),
                resident: 4096,
            }),
            traffic: Some(Traffic {
                received: bytes,
                sent: 2 * bytes,
            }),
        }
    }

    #[test]
    fn before_the_first_beat_nothing_is_known() {
        assert_eq!(Vitals::default().pulse(4), Pulse::default());
    }

    #[test]
    fn one_beat_gives_totals_and_no_rates() {
        let vitals = Vitals::default();
        vitals.record(sample(Instant::now(), 0, 3, 100));
        let pulse = vitals.pulse(4);
        assert_eq!(pulse.beat, Some(1_000_000));
        assert_eq!(pulse.resident, Some(4096));
        assert_eq!(pulse.traffic.unwrap().sent, 200);
        assert_eq!((pulse.cpu_percent, pulse.rate), (None, None));
    }

    #[test]
    fn rates_are_those_between_the_two_latest_beats() {
        let vitals = Vitals::default();
        let start = Instant::now();
        for (seconds, used, bytes) in [(0, 0, 0), (5, 1, 100), (15, 11, 1_100)] {
            vitals.record(sample(start, seconds, used, bytes));
        }
        let pulse = vitals.pulse(4);
        assert_eq!(pulse.beat, Some(1_015_000));
        assert_eq!(pulse.cpu_percent, Some(25.0));
        assert_eq!(
            pulse.rate,
            Some(Traffic {
                received: 100,
                sent: 200
            })
        );
    }

    #[test]
    fn what_could_not_be_seen_has_no_rate() {
        let vitals = Vitals::default();
        let start = Instant::now();
        let blind = Sample {
            process: None,
            traffic: None,
            ..sample(start, 0, 0, 0)
        };
        vitals.record(blind);
        vitals.record(sample(start, 5, 1, 100));
        // Two samples of one moment, too.
        assert_eq!(vitals.pulse(4).cpu_percent, None);
        vitals.record(sample(start, 5, 2, 200));
        let pulse = vitals.pulse(4);
        assert_eq!((pulse.cpu_percent, pulse.rate), (None, None));
        assert_eq!(pulse.traffic.unwrap().received, 200);
    }

    #[tokio::test]
    async fn the_first_beat_is_at_once() {
        let vitals = Arc::new(Vitals::default());
        let task = tokio::spawn(watch(vitals.clone(), || async { Some(Traffic::default()) }));
        while vitals.pulse(1).beat.is_none() {
            tokio::task::yield_now().await;
        }
        task.abort();
        assert_eq!(vitals.pulse(1).traffic, Some(Traffic::default()));
    }
}
