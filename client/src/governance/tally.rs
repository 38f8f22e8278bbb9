//! Votes counted.

use crate::text;
use serde::{Deserialize, Serialize};

/// The votes of a referendum. Parts of a whole are in ten-thousandths.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tally {
    /// Votes for it: tokens times conviction.
    #[serde(with = "text::decimal")]
    pub ayes: u128,
    /// Votes against it.
    #[serde(with = "text::decimal")]
    pub nays: u128,
    /// Tokens for it, whatever their conviction.
    #[serde(with = "text::decimal")]
    pub support: u128,
    /// Tokens that could vote.
    #[serde(with = "text::decimal")]
    pub electorate: u128,
    /// Ayes among the votes, rounded down.
    pub approval: u32,
    /// Support among the tokens that could vote, rounded down.
    pub turnout: u32,
    /// The approval that is needed now; none before the decision begins.
    pub approval_needed: Option<u32>,
    /// The turnout that is needed now; none before the decision begins.
    pub turnout_needed: Option<u32>,
}

impl Tally {
    pub(super) fn new(ayes: u128, nays: u128, support: u128, electorate: u128) -> Self {
        Self {
            ayes,
            nays,
            support,
            electorate,
            approval: part(ayes, ayes.saturating_add(nays)),
            turnout: part(support, electorate),
            approval_needed: None,
            turnout_needed: None,
        }
    }
}

/// `part` of `whole` in ten-thousandths, rounded down.
fn part(part: u128, whole: u128) -> u32 {
    if whole == 0 {
        return 0;
    }
    // 128 bits leave room for money 10²⁰ times over; above that the last digits do not count.
    let parts = match part.checked_mul(10_000) {
        Some(parts) => parts / whole,
        None => part / (whole / 10_000).max(1),
    };
    parts.min(10_000) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nobodys_votes_are_no_approval() {
        let tally = Tally::new(0, 0, 0, 0);
        assert_eq!((tally.approval, tally.turnout), (0, 0));
        let tally = Tally::new(2, 1, 2, 8);
        assert_eq!((tally.approval, tally.turnout), (6_666, 2_500));
    }

    proptest! {
        #[test]
        fn parts_are_parts(a in any::<u128>(), b in any::<u128>(), c in any::<u128>(), d in any::<u128>()) {
            let tally = Tally::new(a, b, c, d);
            prop_assert!(tally.approval <= 10_000 && tally.turnout <= 10_000);
        }
    }
}
