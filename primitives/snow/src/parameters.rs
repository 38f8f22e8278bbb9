//! The numbers that all engines share.

use codec::{Decode, Encode, MaxEncodedLen};

use crate::Error;

/// Largest `k`: a poll asks a sample, not everybody.
pub const MAX_K: u32 = 10_000;

/// Largest `max_outstanding_items`.
pub const MAX_ITEMS: u32 = 1 << 20;

/// The numbers that all engines share. Validate before use: every constructor does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, MaxEncodedLen)]
pub struct Parameters {
    /// Slots of a poll: stake units that are asked.
    pub k: u32,
    /// αp: equal answers that move the preference.
    pub alpha_preference: u32,
    /// αc: equal answers that raise confidence.
    pub alpha_confidence: u32,
    /// β: consecutive successful polls that decide.
    pub beta: u32,
    /// Polls open at a time.
    pub concurrent_polls: u32,
    /// Blocks that may be processing at a time, and decided blocks that are remembered.
    pub max_outstanding_items: u32,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            k: 20,
            alpha_preference: 15,
            alpha_confidence: 15,
            beta: 20,
            concurrent_polls: 10,
            max_outstanding_items: 1000,
        }
    }
}

impl Parameters {
    /// Checks `0 < k ≤ MAX_K`, `k/2 < αp ≤ αc ≤ k` (integer division), `0 < concurrent_polls ≤ β` and
    /// `0 < max_outstanding_items ≤ MAX_ITEMS`.
    ///
    /// # Errors
    /// The first field that breaks its bound.
    pub fn validate(&self) -> Result<(), Error> {
        let bounds = [
            ("k", self.k > 0 && self.k <= MAX_K),
            (
                "alpha_preference",
                self.alpha_preference > self.k / 2 && self.alpha_preference <= self.k,
            ),
            (
                "alpha_confidence",
                (self.alpha_preference..=self.k).contains(&self.alpha_confidence),
            ),
            ("beta", self.beta > 0),
            (
                "concurrent_polls",
                (1..=self.beta).contains(&self.concurrent_polls),
            ),
            (
                "max_outstanding_items",
                (1..=MAX_ITEMS).contains(&self.max_outstanding_items),
            ),
        ];
        match bounds.iter().find(|(_, holds)| !holds) {
            Some((field, _)) => Err(Error::Parameter(field)),
            None => Ok(()),
        }
    }

    /// Whether polls are worth sending while `reached` of `total` stake can be asked: at least (αc/k)·0.8 + 0.2 of all.
    pub fn suffices(&self, reached: u64, total: u64) -> bool {
        let k = u128::from(self.k);
        let needed = 4 * u128::from(self.alpha_confidence) + k;
        // In 128 bits nothing overflows.
        u128::from(reached) * 5 * k >= u128::from(total) * needed
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_field_out_of_bounds_is_named() {
        let with = |change: fn(&mut Parameters)| {
            let mut parameters = Parameters::default();
            change(&mut parameters);
            parameters.validate()
        };
        assert_eq!(with(|_| ()), Ok(()));
        let refused = |field| Err(Error::Parameter(field));
        assert_eq!(with(|p| p.k = 0), refused("k"));
        assert_eq!(with(|p| p.k = MAX_K + 1), refused("k"));
        assert_eq!(
            with(|p| p.alpha_preference = 10),
            refused("alpha_preference")
        );
        assert_eq!(
            with(|p| p.alpha_preference = 21),
            refused("alpha_preference")
        );
        assert_eq!(
            with(|p| p.alpha_confidence = 14),
            refused("alpha_confidence")
        );
        assert_eq!(
            with(|p| p.alpha_confidence = 21),
            refused("alpha_confidence")
        );
        assert_eq!(with(|p| p.beta = 0), refused("beta"));
        assert_eq!(
            with(|p| p.concurrent_polls = 0),
            refused("concurrent_polls")
        );
        assert_eq!(
            with(|p| p.concurrent_polls = 21),
            refused("concurrent_polls")
        );
        assert_eq!(
            with(|p| p.max_outstanding_items = 0),
            refused("max_outstanding_items")
        );
    }

    #[test]
    fn four_fifths_must_be_in_reach_with_the_default_parameters() {
        let parameters = Parameters::default();
        assert!(parameters.suffices(4, 5) && !parameters.suffices(3, 5));
        assert!(parameters.suffices(3, 3) && !parameters.suffices(2, 3));
        assert!(parameters.suffices(u64::MAX, u64::MAX) && !parameters.suffices(1, u64::MAX));
    }

    proptest! {
        #[test]
        fn what_suffices_is_the_stated_fraction(
            total in 1u64..2000, reached in 0u64..2000, k in 1u32..40, confidence in 1u32..40,
        ) {
            let parameters = Parameters { k, alpha_confidence: confidence.min(k), ..Parameters::default() };
            let needed = (f64::from(parameters.alpha_confidence) / f64::from(k)).mul_add(0.8, 0.2);
            let share = reached as f64 / total as f64;
            prop_assume!((share - needed).abs() > 1e-9);
            prop_assert_eq!(parameters.suffices(reached, total), share > needed);
        }

        #[test]
        fn valid_is_exactly_the_stated_bounds(
            k in 0u32..9, p in 0u32..10, c in 0u32..10, beta in 0u32..4, polls in 0u32..5, items in 0u32..3,
        ) {
            let parameters = Parameters {
                k, alpha_preference: p, alpha_confidence: c, beta, concurrent_polls: polls, max_outstanding_items: items,
            };
            let holds = k > 0 && k / 2 < p && p <= c && c <= k && 0 < polls && polls <= beta && items > 0;
            prop_assert_eq!(parameters.validate().is_ok(), holds);
        }
    }
}
