//! What Prometheus reads.

use std::time::Duration;

use polkadot_sdk::substrate_prometheus_endpoint::{
    Counter, CounterVec, Gauge, Histogram, HistogramOpts, Opts, PrometheusError, Registry, U64,
    exponential_buckets, register,
};

use crate::gadget::Stats;

/// Snow's metrics. Votes per second are the rate of the counter of votes.
pub(crate) struct Metrics {
    polls: CounterVec<U64>,
    poll_seconds: Histogram,
    votes: Counter<U64>,
    accepted: Counter<U64>,
    rejected: Counter<U64>,
    overruled: Counter<U64>,
    processing: Gauge<U64>,
    running: Gauge<U64>,
    last: Stats,
}

impl Metrics {
    /// Fails if the registry has metrics of these names already.
    pub(crate) fn new(registry: &Registry) -> Result<Self, PrometheusError> {
        let seconds = HistogramOpts::new(
            "quern_snow_poll_seconds",
            "Time from opening a poll to its end",
        )
        .buckets(exponential_buckets(0.001, 2.0, 12)?);
        let counter = |name: &str, help: &str| register(Counter::<U64>::new(name, help)?, registry);
        let gauge = |name: &str, help: &str| register(Gauge::<U64>::new(name, help)?, registry);
        let polls = Opts::new("quern_snow_polls_total", "Polls that ended, by result");
        Ok(Self {
            polls: register(CounterVec::new(polls, &["result"])?, registry)?,
            poll_seconds: register(Histogram::with_opts(seconds)?, registry)?,
            votes: counter("quern_snow_votes_total", "Votes counted in polls")?,
            accepted: counter("quern_snow_accepted_total", "Blocks accepted by polls")?,
            rejected: counter("quern_snow_rejected_total", "Blocks rejected by polls")?,
            overruled: counter(
                "quern_snow_overruled_total",
                "Times that GRANDPA finalised another block than polls had accepted",
            )?,
            processing: gauge("quern_snow_processing", "Blocks that polls are to decide")?,
            running: gauge(
                "quern_snow_running",
                "1 while the chain has Snow switched on",
            )?,
            last: Stats::default(),
        })
    }

    /// A poll has ended.
    pub(crate) fn poll_ended(&self, took: Duration) {
        self.poll_seconds.observe(took.as_secs_f64());
    }

    /// Follows the counters of the gadget, none while Snow is off.
    pub(crate) fn follow(&mut self, gadget: Option<(Stats, u64)>) {
        self.running.set(gadget.is_some().into());
        let (now, processing) = gadget.unwrap_or_default();
        self.processing.set(processing);
        let last = std::mem::replace(&mut self.last, now);
        // A gadget that has just begun counts from zero again.
        let more = |now: u64, last: u64| now.checked_sub(last).unwrap_or(now);
        for (result, now, last) in [
            ("ok", now.successful, last.successful),
            ("failed", now.failed, last.failed),
        ] {
            self.polls
                .with_label_values(&[result])
                .inc_by(more(now, last));
        }
        self.votes.inc_by(more(now.votes, last.votes));
        self.accepted.inc_by(more(now.accepted, last.accepted));
        self.rejected.inc_by(more(now.rejected, last.rejected));
        self.overruled.inc_by(more(now.overruled, last.overruled));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_go_on_when_a_gadget_begins_again() {
        let registry = Registry::new();
        let mut metrics = Metrics::new(&registry).unwrap();
        let stats = |votes, successful| Stats {
            votes,
            successful,
            ..Stats::default()
        };
        metrics.follow(Some((stats(5, 2), 1)));
        metrics.follow(Some((stats(7, 3), 4)));
        assert_eq!((metrics.votes.get(), metrics.processing.get()), (7, 4));
        metrics.follow(None);
        assert_eq!((metrics.votes.get(), metrics.running.get()), (7, 0));
        metrics.follow(Some((stats(1, 0), 0)));
        assert_eq!(metrics.votes.get(), 8);
        assert_eq!(metrics.polls.with_label_values(&["ok"]).get(), 3);
    }
}
