use std::time::Duration;

use prometheus::{
    Encoder, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
    TextEncoder, core::Collector, exponential_buckets,
};
use quern_snow::Stats;

/// What a node tells Prometheus.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    votes: IntCounter,
    late: IntCounter,
    polls: IntCounterVec,
    poll_seconds: Histogram,
    blocks: IntCounterVec,
    acceptance_seconds: Histogram,
    processing: IntGauge,
    height: IntGauge,
    peers: IntGauge,
    #[cfg(feature = "zeromq")]
    frames: IntCounterVec,
}

fn registered<C: Collector + Clone + 'static>(
    registry: &Registry,
    made: prometheus::Result<C>,
) -> prometheus::Result<C> {
    let collector = made?;
    registry.register(Box::new(collector.clone()))?;
    Ok(collector)
}

fn seconds(name: &str, help: &str) -> prometheus::Result<Histogram> {
    // From 0.25 ms to 8 s.
    let buckets = exponential_buckets(0.000_25, 2.0, 16)?;
    Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets))
}

impl Metrics {
    pub(crate) fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let labelled = |name, help, label| IntCounterVec::new(Opts::new(name, help), &[label]);
        Ok(Self {
            votes: registered(
                &registry,
                IntCounter::new("snow_votes_total", "Votes counted"),
            )?,
            late: registered(
                &registry,
                IntCounter::new("snow_late_votes_total", "Votes for polls that had ended"),
            )?,
            polls: registered(
                &registry,
                labelled("snow_polls_total", "Polls that ended", "result"),
            )?,
            poll_seconds: registered(
                &registry,
                seconds("snow_poll_seconds", "From opening a poll to its end"),
            )?,
            blocks: registered(
                &registry,
                labelled("snow_blocks_total", "Blocks decided", "result"),
            )?,
            acceptance_seconds: registered(
                &registry,
                seconds(
                    "snow_acceptance_seconds",
                    "From adding a block to accepting it",
                ),
            )?,
            processing: registered(
                &registry,
                IntGauge::new("snow_processing", "Blocks not decided yet"),
            )?,
            height: registered(
                &registry,
                IntGauge::new("snow_height", "Height of the last accepted block"),
            )?,
            peers: registered(&registry, IntGauge::new("snow_peers", "Members connected"))?,
            #[cfg(feature = "zeromq")]
            frames: registered(
                &registry,
                labelled("snow_frames_total", "Frames on the bridge", "result"),
            )?,
            registry,
        })
    }

    /// Counts what the engine did between two looks at its statistics.
    pub(crate) fn advance(&self, before: &Stats, now: &Stats) {
        let add = |counter: &IntCounter, before: u64, now: u64| {
            counter.inc_by(now.saturating_sub(before));
        };
        let failed = |stats: &Stats| stats.polls.saturating_sub(stats.successful);
        let (polls, blocks) = (&self.polls, &self.blocks);
        add(&self.votes, before.votes, now.votes);
        add(
            &polls.with_label_values(&["ok"]),
            before.successful,
            now.successful,
        );
        add(
            &polls.with_label_values(&["failed"]),
            failed(before),
            failed(now),
        );
        add(
            &blocks.with_label_values(&["accepted"]),
            before.accepted,
            now.accepted,
        );
        add(
            &blocks.with_label_values(&["rejected"]),
            before.rejected,
            now.rejected,
        );
        self.processing.set(now.processing as i64);
    }

    pub(crate) fn standing(&self, height: u64, peers: usize) {
        self.height.set(height as i64);
        self.peers.set(peers as i64);
    }

    pub(crate) fn late_vote(&self) {
        self.late.inc();
    }

    pub(crate) fn poll_ended(&self, time: Duration) {
        self.poll_seconds.observe(time.as_secs_f64());
    }

    pub(crate) fn accepted(&self, time: Duration) {
        self.acceptance_seconds.observe(time.as_secs_f64());
    }

    /// A frame on the bridge: sent, counted, or refused.
    #[cfg(feature = "zeromq")]
    pub(crate) fn frame(&self, result: &str) {
        self.frames.with_label_values(&[result]).inc();
    }

    /// The text that Prometheus reads.
    pub(crate) fn text(&self) -> prometheus::Result<Vec<u8>> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }
}
