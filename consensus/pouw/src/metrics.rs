//! What the engine counts. The counters work without Prometheus too: `work_status` reads them.

use polkadot_sdk::substrate_prometheus_endpoint::{
    Counter, CounterVec, F64, Gauge, Histogram, HistogramOpts, Opts, PrometheusError, Registry,
    U64, exponential_buckets, prometheus::core::Collector, register,
};
use std::time::Duration;

/// The engine's counters; clones share them.
#[derive(Clone)]
pub struct Metrics {
    seals_checked: Counter<U64>,
    seals_refused: CounterVec<U64>,
    seals_submitted: Counter<U64>,
    seals_accepted: Counter<U64>,
    seals_declined: Counter<U64>,
    seal_answer: Histogram,
    templates_built: Counter<U64>,
    template_build: Histogram,
    subscribers: Gauge<U64>,
    difficulty: Gauge<F64>,
    total_difficulty: Gauge<F64>,
    sealed_macs: Counter<F64>,
    sealed_draws: Counter<F64>,
}

impl Metrics {
    /// The counters, exported by `registry` where there is one.
    ///
    /// Fails when the registry already has a metric of one of these names.
    pub fn new(registry: Option<&Registry>) -> Result<Self, PrometheusError> {
        let build_seconds = HistogramOpts::new(
            "quern_template_build_seconds",
            "Time it takes to build a block template",
        )
        .buckets(exponential_buckets(0.001, 2.0, 12)?);
        let answer_seconds = HistogramOpts::new(
            "quern_seal_answer_seconds",
            "Time it takes to answer a worker's seal, its block's import included",
        )
        .buckets(exponential_buckets(0.001, 2.0, 14)?);
        Ok(Self {
            seals_checked: export(
                Counter::new(
                    "quern_seals_checked_total",
                    "Seals the runtime was asked about",
                )?,
                registry,
            )?,
            seals_refused: export(
                CounterVec::new(
                    Opts::new("quern_seals_refused_total", "Seals refused, by reason"),
                    &["reason"],
                )?,
                registry,
            )?,
            seals_submitted: export(
                Counter::new(
                    "quern_seals_submitted_total",
                    "Seals workers sent to this node",
                )?,
                registry,
            )?,
            seals_accepted: export(
                Counter::new(
                    "quern_seals_accepted_total",
                    "Seals of workers that became blocks of this node",
                )?,
                registry,
            )?,
            seals_declined: export(
                Counter::new(
                    "quern_seals_declined_total",
                    "Seals of workers that did not become blocks of this node",
                )?,
                registry,
            )?,
            seal_answer: export(Histogram::with_opts(answer_seconds)?, registry)?,
            templates_built: export(
                Counter::new("quern_templates_built_total", "Block templates built")?,
                registry,
            )?,
            template_build: export(Histogram::with_opts(build_seconds)?, registry)?,
            subscribers: export(
                Gauge::new(
                    "quern_template_subscribers",
                    "Workers that receive templates",
                )?,
                registry,
            )?,
            difficulty: export(
                Gauge::new("quern_difficulty_macs", "Expected MACs of the best block")?,
                registry,
            )?,
            total_difficulty: export(
                Gauge::new(
                    "quern_chain_macs",
                    "Expected MACs of all blocks up to the best one",
                )?,
                registry,
            )?,
            sealed_macs: export(
                Counter::new(
                    "quern_sealed_macs_total",
                    "Expected MACs of the blocks this node has imported",
                )?,
                registry,
            )?,
            sealed_draws: export(
                Counter::new(
                    "quern_sealed_draws_total",
                    "Expected draws of the blocks this node has imported",
                )?,
                registry,
            )?,
        })
    }

    /// The runtime was asked about a seal.
    pub(crate) fn seal_checked(&self) {
        self.seals_checked.inc();
    }

    /// A seal was refused for this reason: the rule it broke, or why it was not even checked.
    pub(crate) fn seal_refused(&self, reason: &str) {
        self.seals_refused.with_label_values(&[reason]).inc();
    }

    /// A block of this difficulty was sealed by a tile that costs `tile_macs`.
    pub(crate) fn block_sealed(&self, difficulty: u128, tile_macs: Option<u64>) {
        self.sealed_macs.inc_by(difficulty as f64);
        if let Some(tile_macs) = tile_macs.filter(|macs| *macs > 0) {
            self.sealed_draws
                .inc_by(difficulty as f64 / tile_macs as f64);
        }
    }

    /// The best block changed to one of this difficulty and total difficulty.
    pub(crate) fn best_block(&self, difficulty: u128, total_difficulty: u128) {
        self.difficulty.set(difficulty as f64);
        self.total_difficulty.set(total_difficulty as f64);
    }

    /// A template was built in this time.
    pub(crate) fn template_built(&self, took: Duration) {
        self.templates_built.inc();
        self.template_build.observe(took.as_secs_f64());
    }

    /// A worker sent a seal.
    pub(crate) fn seal_submitted(&self) {
        self.seals_submitted.inc();
    }

    /// A worker's seal was answered, either way, in this time.
    pub(crate) fn seal_answered(&self, took: Duration) {
        self.seal_answer.observe(took.as_secs_f64());
    }

    /// A worker's seal became a block.
    pub(crate) fn seal_accepted(&self) {
        self.seals_accepted.inc();
    }

    /// A worker's seal did not become a block.
    pub(crate) fn seal_declined(&self) {
        self.seals_declined.inc();
    }

    /// Counts a subscriber for as long as the value lives.
    pub(crate) fn subscriber(&self) -> Subscriber {
        self.subscribers.inc();
        Subscriber(self.subscribers.clone())
    }

    /// Templates built so far.
    pub fn templates(&self) -> u64 {
        self.templates_built.get()
    }

    /// Workers that receive templates now.
    pub fn subscribers(&self) -> u64 {
        self.subscribers.get()
    }

    /// Workers' seals that became blocks.
    pub fn accepted(&self) -> u64 {
        self.seals_accepted.get()
    }

    /// Workers' seals that did not become blocks. One that is under way counts as neither.
    pub fn declined(&self) -> u64 {
        self.seals_declined.get()
    }

    /// Seals that workers have sent.
    pub fn submitted(&self) -> u64 {
        self.seals_submitted.get()
    }

    /// Mean time to answer a worker's seal, since the node started; none before the first.
    pub fn mean_answer(&self) -> Option<Duration> {
        let count = self.seal_answer.get_sample_count();
        let mean = self.seal_answer.get_sample_sum() / count as f64;
        (count > 0).then(|| Duration::from_secs_f64(mean))
    }
}

/// One subscriber of templates, counted until it is dropped.
pub(crate) struct Subscriber(Gauge<U64>);

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.0.dec();
    }
}

fn export<T: Clone + Collector + 'static>(
    metric: T,
    registry: Option<&Registry>,
) -> Result<T, PrometheusError> {
    match registry {
        Some(registry) => register(metric, registry),
        None => Ok(metric),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_exported_by_reason() {
        let registry = Registry::new();
        let metrics = Metrics::new(Some(&registry)).unwrap();
        metrics.seal_refused("AboveTarget");
        metrics.seal_refused("AboveTarget");
        metrics.seal_refused("Malformed");
        let families = registry.gather();
        let refused = families
            .iter()
            .find(|family| family.get_name() == "quern_seals_refused_total")
            .unwrap();
        let of = |reason: &str| {
            refused
                .get_metric()
                .iter()
                .find(|metric| metric.get_label()[0].get_value() == reason)
                .map(|metric| metric.get_counter().get_value())
        };
        assert_eq!(of("AboveTarget"), Some(2.0));
        assert_eq!(of("Malformed"), Some(1.0));
    }

    #[test]
    fn the_mean_answer_is_known_from_the_first_seal_on() {
        let metrics = Metrics::new(None).unwrap();
        assert_eq!(metrics.mean_answer(), None);
        metrics.seal_answered(Duration::from_millis(100));
        metrics.seal_answered(Duration::from_millis(300));
        let mean = metrics.mean_answer().unwrap().as_secs_f64();
        assert!((mean - 0.2).abs() < 1e-9, "{mean}");
    }

    #[test]
    fn a_subscriber_counts_until_it_leaves() {
        let metrics = Metrics::new(None).unwrap();
        let subscriber = metrics.subscriber();
        assert_eq!(metrics.subscribers(), 1);
        drop(subscriber);
        assert_eq!(metrics.subscribers(), 0);
    }
}
