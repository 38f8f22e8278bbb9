//! When a node will have decided: predicted, and compared with what happened.
//!
//! Two predictions, both of first order. The first knows the configuration only: polls succeed independently with
//! P[Bin(k, a) ≥ αc], where a is the honest share of stake, less what is lost on the way; how long rivals stay even is left
//! out. The second is made by each node once half of β polls of a height have succeeded in a row, from
//! what followed lately on such successes at all honest nodes, and from its own pace so far.

use serde::Serialize;

use crate::{
    bounds::{at_least, expected_polls},
    config::Configuration,
};

/// Polls of all honest nodes, each after a quarter of β successes, that tell how likely the next one succeeds.
const RECENT: usize = 256;

/// Longest prediction, in polls.
const LONGEST_POLLS: f64 = 1e15;

/// Most predictions that are compared with what happened, the first ones.
const MAX_COMPARED: usize = 1 << 20;

/// Chance that a poll succeeds once all honest nodes are of one mind.
pub fn success(configuration: &Configuration) -> f64 {
    let arrives = 1.0 - f64::from(configuration.network.loss_per_million) / 1e6;
    // Question and answer must arrive; what Byzantine nodes say doesn't help.
    let answers = (1.0 - configuration.byzantine_share()) * arrives * arrives;
    let numbers = &configuration.parameters;
    at_least(numbers.k, answers, numbers.alpha_confidence)
}

/// Mean time to decide everything that the configuration alone suggests, in microseconds.
pub fn from_configuration(configuration: &Configuration) -> f64 {
    let (numbers, network) = (&configuration.parameters, &configuration.network);
    let polls = expected_polls(success(configuration), numbers.beta, 0).min(LONGEST_POLLS);
    let round = 2.0 * network.mean_delay_us();
    let pace = (network.interval_us as f64).max(round / f64::from(numbers.concurrent_polls));
    f64::from(configuration.workload.heights) * ((polls - 1.0).max(0.0) * pace + round)
}

/// How good predictions were. Medians, for a few early predictions are far off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Accuracy {
    /// Decisions that were predicted.
    pub made: u64,
    /// Of them those that came before the run ended.
    pub decided: u64,
    /// Time from the beginning of a height to its decision, as predicted.
    pub predicted_us: Option<f64>,
    /// The same, as seen.
    pub seen_us: Option<f64>,
    /// Distance between the two.
    pub error_us: Option<f64>,
    /// Distance in parts of what was seen.
    pub relative_error: Option<f64>,
}

/// What one node knows of the height at hand.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pace {
    begun_us: u64,
    polls: u32,
    predicted_us: Option<f64>,
}

impl Pace {
    /// A height begins.
    pub(crate) const fn begin(begun_us: u64) -> Self {
        Self {
            begun_us,
            polls: 0,
            predicted_us: None,
        }
    }
}

/// All predictions of a run.
#[derive(Clone, Debug)]
pub(crate) struct Forecasts {
    beta: u32,
    recent: Vec<bool>,
    oldest: usize,
    made: u64,
    decided: u64,
    /// Predicted and seen.
    compared: Vec<(f64, f64)>,
}

impl Forecasts {
    pub(crate) const fn new(beta: u32) -> Self {
        Self {
            beta,
            recent: Vec::new(),
            oldest: 0,
            made: 0,
            decided: 0,
            compared: Vec::new(),
        }
    }

    /// A node has ended a poll: successes in a row `before` it, and with it.
    pub(crate) fn poll(&mut self, pace: &mut Pace, now: u64, before: u32, confidence: u32) {
        let success = confidence > before;
        if before < self.beta.div_ceil(4) {
            // While rivals are even, polls tell nothing of the time after.
        } else if self.recent.len() < RECENT {
            self.recent.push(success);
        } else {
            self.recent[self.oldest] = success;
            self.oldest = (self.oldest + 1) % RECENT;
        }
        pace.polls = pace.polls.saturating_add(1);
        if pace.predicted_us.is_some() || confidence != self.beta.div_ceil(2) {
            return;
        }
        let successes = self.recent.iter().filter(|success| **success).count();
        // Half a success of one more poll, so that no chance is 0 or 1.
        let p = (successes as f64 + 0.5) / (self.recent.len() as f64 + 1.0);
        let left = expected_polls(p, self.beta, confidence).min(LONGEST_POLLS);
        let spent = now.saturating_sub(pace.begun_us) as f64;
        pace.predicted_us = Some(spent + left * spent / f64::from(pace.polls));
        self.made += 1;
    }

    /// A node has decided the height at hand.
    pub(crate) fn decide(&mut self, pace: &Pace, now: u64) {
        let seen = now.saturating_sub(pace.begun_us) as f64;
        if let Some(predicted) = pace.predicted_us.filter(|_| seen > 0.0) {
            self.decided += 1;
            if self.compared.len() < MAX_COMPARED {
                self.compared.push((predicted, seen));
            }
        }
    }

    pub(crate) fn accuracy(&self) -> Accuracy {
        let median = |of: fn(&(f64, f64)) -> f64| {
            let mut values: Vec<f64> = self.compared.iter().map(of).collect();
            values.sort_unstable_by(f64::total_cmp);
            values.get(values.len() / 2).copied()
        };
        Accuracy {
            made: self.made,
            decided: self.decided,
            predicted_us: median(|(predicted, _)| *predicted),
            seen_us: median(|(_, seen)| *seen),
            error_us: median(|(predicted, seen)| (predicted - seen).abs()),
            relative_error: median(|(predicted, seen)| (predicted - seen).abs() / seen),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steady_polls_are_predicted_and_the_error_is_measured() {
        let mut forecasts = Forecasts::new(20);
        let mut pace = Pace::begin(1_000);
        for poll in 1..=20u32 {
            forecasts.poll(&mut pace, 1_000 + u64::from(poll) * 10, poll - 1, poll);
        }
        assert_eq!(forecasts.accuracy().made, 1);
        forecasts.decide(&pace, 1_200);
        let accuracy = forecasts.accuracy();
        assert_eq!((accuracy.decided, accuracy.seen_us), (1, Some(200.0)));
        // The five successes after the first five make p = 5.5 / 6.
        let polls = expected_polls(5.5 / 6.0, 20, 10);
        assert!((accuracy.predicted_us.unwrap() - (100.0 + 10.0 * polls)).abs() < 1e-9);
        let error = 10.0 * polls - 100.0;
        assert!((accuracy.error_us.unwrap() - error).abs() < 1e-9);
        assert!((accuracy.relative_error.unwrap() - error / 200.0).abs() < 1e-9);
    }

    #[test]
    fn without_lies_and_loss_a_decision_takes_beta_polls() {
        let mut configuration = Configuration::default();
        configuration.network.min_us = 10_000;
        configuration.network.max_us = 10_000;
        // Nineteen intervals of 10 ms, then the way there and back.
        assert!((from_configuration(&configuration) - 210_000.0).abs() < 1e-6);
        configuration.byzantine.nodes = 25;
        let slow = from_configuration(&configuration);
        assert!(slow > 400e6 && slow < 410e6, "{slow}");
    }
}
