//! Confidence by consecutive successful polls, with several thresholds.

use alloc::{vec, vec::Vec};

use crate::{Error, Parameters};

/// `alpha_confidence` equal answers, `beta` times in a row, decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threshold {
    /// αc: equal answers of a poll that count.
    pub alpha_confidence: u32,
    /// β: consecutive such polls.
    pub beta: u32,
}

/// An instance among choices of any kind: two, or many.
#[derive(Clone, Debug)]
pub struct Snowflake<T> {
    alpha_preference: u32,
    thresholds: Vec<Threshold>,
    confidence: Vec<u32>,
    preference: T,
    finalized: bool,
}

impl<T: Clone + PartialEq> Snowflake<T> {
    /// An instance that prefers `initial`, with αp and thresholds of ascending αc.
    ///
    /// # Errors
    /// αp of zero; no threshold; one with zero polls, or αc below αp or not above the one before.
    pub fn new(alpha_preference: u32, thresholds: &[Threshold], initial: T) -> Result<Self, Error> {
        if alpha_preference == 0 {
            return Err(Error::Parameter("alpha_preference"));
        }
        if thresholds.is_empty() {
            return Err(Error::Threshold(0));
        }
        let mut least = alpha_preference;
        for (index, threshold) in thresholds.iter().enumerate() {
            if threshold.beta == 0 || threshold.alpha_confidence < least {
                return Err(Error::Threshold(index));
            }
            least = threshold.alpha_confidence.saturating_add(1);
        }
        Ok(Self {
            alpha_preference,
            thresholds: thresholds.to_vec(),
            confidence: vec![0; thresholds.len()],
            preference: initial,
            finalized: false,
        })
    }

    /// An instance with the one threshold of `parameters`.
    ///
    /// # Errors
    /// Parameters out of bounds.
    pub fn with(parameters: &Parameters, initial: T) -> Result<Self, Error> {
        parameters.validate()?;
        let threshold = Threshold {
            alpha_confidence: parameters.alpha_confidence,
            beta: parameters.beta,
        };
        Self::new(parameters.alpha_preference, &[threshold], initial)
    }

    /// Takes in a poll in which `choice` got `count` votes. After the decision nothing changes.
    pub fn poll(&mut self, count: u32, choice: &T) {
        if self.finalized {
            return;
        }
        if count < self.alpha_preference {
            return self.unsuccessful();
        }
        if *choice != self.preference {
            self.unsuccessful();
            self.preference = choice.clone();
        }
        for (threshold, confidence) in self.thresholds.iter().zip(&mut self.confidence) {
            if count < threshold.alpha_confidence {
                *confidence = 0;
            } else {
                *confidence = confidence.saturating_add(1);
                if *confidence >= threshold.beta {
                    self.finalized = true;
                    return;
                }
            }
        }
    }

    /// Takes in a poll in which nothing got αp votes.
    pub fn unsuccessful(&mut self) {
        self.confidence.fill(0);
    }

    /// The preferred choice; final once [`Self::finalized`].
    pub fn preference(&self) -> &T {
        &self.preference
    }

    /// Consecutive successful polls by threshold.
    pub fn confidence(&self) -> &[u32] {
        &self.confidence
    }

    /// Whether it is decided.
    pub fn finalized(&self) -> bool {
        self.finalized
    }

    /// αp.
    pub fn alpha_preference(&self) -> u32 {
        self.alpha_preference
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Snowflake<u8> {
        let thresholds = [(3, 4), (4, 3), (5, 2)].map(|(alpha_confidence, beta)| Threshold {
            alpha_confidence,
            beta,
        });
        Snowflake::new(3, &thresholds, 0).unwrap()
    }

    #[test]
    fn weaker_polls_reset_only_the_higher_thresholds() {
        let mut flake = three();
        for (count, confidence) in [
            (5, [1, 1, 1]),
            (4, [2, 2, 0]),
            (3, [3, 0, 0]),
            (5, [4, 0, 0]),
        ] {
            assert!(!flake.finalized());
            flake.poll(count, &0);
            assert_eq!(flake.confidence(), confidence);
        }
        assert!(flake.finalized());
    }

    #[test]
    fn a_change_of_choice_starts_again() {
        let mut flake = three();
        let polls = [
            (3, 0, [1, 0, 0], 0),
            (2, 1, [0, 0, 0], 0),
            (3, 0, [1, 0, 0], 0),
            (0, 0, [0, 0, 0], 0),
            (3, 1, [1, 0, 0], 1),
            (5, 1, [2, 1, 1], 1),
            (5, 1, [3, 2, 2], 1),
        ];
        for (count, choice, confidence, preference) in polls {
            assert!(!flake.finalized());
            flake.poll(count, &choice);
            assert_eq!(
                (flake.confidence(), *flake.preference()),
                (&confidence[..], preference)
            );
        }
        assert!(flake.finalized());
        flake.poll(5, &0);
        assert_eq!(*flake.preference(), 1);
    }

    #[test]
    fn thresholds_out_of_order_are_refused_by_index() {
        let t = |alpha_confidence, beta| Threshold {
            alpha_confidence,
            beta,
        };
        let refused = |p, thresholds: &[Threshold]| Snowflake::new(p, thresholds, 0).unwrap_err();
        assert_eq!(refused(0, &[t(1, 1)]), Error::Parameter("alpha_preference"));
        assert_eq!(refused(2, &[]), Error::Threshold(0));
        assert_eq!(refused(2, &[t(1, 1)]), Error::Threshold(0));
        assert_eq!(refused(2, &[t(2, 1), t(2, 1)]), Error::Threshold(1));
        assert_eq!(refused(2, &[t(2, 1), t(3, 0)]), Error::Threshold(1));
    }
}
