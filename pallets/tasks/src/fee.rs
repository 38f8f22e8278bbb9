//! How a task's fee is divided, free of storage: integers only, and every unit goes somewhere.
//!
//! A tenth is burnt at every end, be it a cancellation: a place among the unfinished tasks costs money.
//!
//! | part | of what is left after a tenth is burnt | by |
//! | --- | --- | --- |
//! | miners | 60 % | MACs accepted by audits |
//! | supervisor | 20 % | |
//! | evaluators | 15 % | equal parts among those with the outcome |
//! | verifiers | 5 % | votes with the outcome |
//!
//! A part that nobody can be paid, and what does not divide, goes to the rewards pool. Evaluators are paid from
//! that pool besides, but never with more than half of what is burnt ([`emission`]).

use alloc::{collections::BTreeMap, vec::Vec};
use frame::deps::sp_core::U256;

/// Percent of a fee that is burnt.
pub const BURNT: u32 = 10;
/// Percent of the rest for the miners.
pub const MINERS: u32 = 60;
/// Percent of the rest for the supervisor.
pub const SUPERVISOR: u32 = 20;
/// Percent of the rest for the evaluators.
pub const EVALUATORS: u32 = 15;
/// Percent of the rest for the verifiers.
pub const VERIFIERS: u32 = 5;

/// How a task ended, as its fee sees it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// The target was reached: all parts are paid.
    Completed,
    /// It was missed, or there was no outcome: half of the miners' part goes back to the client.
    Failed,
    /// The client did not serve the held-out rows: that half goes to the pool, or failing would be a discount.
    Unserved,
    /// No run ended in time: the miners' part is paid in proportion, all else goes back.
    Expired {
        /// MACs that were ordered.
        ordered: u128,
    },
    /// Training never began: all but the tenth goes back.
    Cancelled,
}

/// Who is paid.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Parties<AccountId> {
    /// Miners, former ones too, and their accepted MACs.
    pub miners: Vec<(AccountId, u128)>,
    /// The supervisor.
    pub supervisor: Option<AccountId>,
    /// Evaluators who voted with the outcome.
    pub evaluators: Vec<AccountId>,
    /// Verifiers and their votes with the outcome.
    pub verifiers: Vec<(AccountId, u32)>,
}

/// Where a fee goes: all parts together are the fee.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settlement<AccountId> {
    /// Burnt.
    pub burnt: u128,
    /// Back to the client.
    pub refunded: u128,
    /// To the rewards pool.
    pub pooled: u128,
    /// To those who worked, each once.
    pub paid: BTreeMap<AccountId, u128>,
}

/// The least fee while `taken` of `most` places for unfinished tasks are: `min`, doubled with every tenth of
/// the places. So a market with room is open to small orders, and all places together cost more than a
/// hundred times as much as if each cost the same.
pub fn least(min: u128, taken: u32, most: u32) -> u128 {
    let tenths = u64::from(taken) * 10 / u64::from(most.max(1));
    min.saturating_mul(1 << tenths.min(10))
}

/// Most that all evaluators of a task with this fee together get from the emission besides: half of what is
/// burnt. Were it more than is burnt, ordering from oneself would pay; so it always costs.
pub fn emission(fee: u128) -> u128 {
    percent(fee, BURNT) / 2
}

/// Divides a fee.
pub fn settle<AccountId: Clone + Ord>(
    fee: u128,
    verdict: Verdict,
    parties: &Parties<AccountId>,
) -> Settlement<AccountId> {
    let burnt = percent(fee, BURNT);
    let rest = fee - burnt;
    let (refunded, paid) = match verdict {
        Verdict::Completed => divide(rest, parties, 0),
        Verdict::Failed => divide(rest, parties, 50),
        Verdict::Unserved => (0, divide(rest, parties, 50).1),
        Verdict::Expired { ordered } => expire(rest, ordered, &parties.miners),
        Verdict::Cancelled => (rest, BTreeMap::new()),
    };
    let given: u128 = paid.values().sum();
    Settlement {
        burnt,
        refunded,
        pooled: rest - refunded - given,
        paid,
    }
}

/// Pays all parts, but gives `back` percent of the miners' part to the client: what it is refunded, and who
/// is paid what.
fn divide<AccountId: Clone + Ord>(
    rest: u128,
    parties: &Parties<AccountId>,
    back: u32,
) -> (u128, BTreeMap<AccountId, u128>) {
    let miners = percent(rest, MINERS);
    let refunded = percent(miners, back);
    let mut paid = BTreeMap::new();
    let one = |who: &AccountId| (who.clone(), 1);
    let votes = |(who, votes): &(AccountId, u32)| (who.clone(), u128::from(*votes));
    let part = |of| percent(rest, of);
    share(miners - refunded, parties.miners.iter().cloned(), &mut paid);
    share(
        part(SUPERVISOR),
        parties.supervisor.iter().map(one),
        &mut paid,
    );
    share(
        part(EVALUATORS),
        parties.evaluators.iter().map(one),
        &mut paid,
    );
    share(
        part(VERIFIERS),
        parties.verifiers.iter().map(votes),
        &mut paid,
    );
    (refunded, paid)
}

/// Pays the miners' part in proportion to what was done of what was ordered; the client is refunded
/// everything else.
fn expire<AccountId: Clone + Ord>(
    rest: u128,
    ordered: u128,
    miners: &[(AccountId, u128)],
) -> (u128, BTreeMap<AccountId, u128>) {
    let done = total(miners.iter().map(|(_, macs)| *macs)).min(ordered.into());
    let spent = portion(percent(rest, MINERS), done, ordered.into());
    let mut paid = BTreeMap::new();
    share(spent, miners.iter().cloned(), &mut paid);
    (rest - spent, paid)
}

/// Divides `part` in proportion to the weights, rounding down.
fn share<AccountId: Ord>(
    part: u128,
    weights: impl Iterator<Item = (AccountId, u128)> + Clone,
    paid: &mut BTreeMap<AccountId, u128>,
) {
    let whole = total(weights.clone().map(|(_, weight)| weight));
    for (who, weight) in weights {
        let piece = portion(part, weight.into(), whole);
        if piece > 0 {
            *paid.entry(who).or_default() += piece;
        }
    }
}

fn total(weights: impl Iterator<Item = u128>) -> U256 {
    weights.fold(U256::zero(), |sum, weight| sum + U256::from(weight))
}

/// `⌊part · weight / whole⌋` for `weight ≤ whole`; nothing of an empty whole.
fn portion(part: u128, weight: U256, whole: U256) -> u128 {
    // Below 2¹²⁸ · 2¹²⁸, since weights are a u128 each, or at most one.
    (U256::from(part) * weight)
        .checked_div(whole)
        .map_or(0, |piece| piece.low_u128())
}

/// `⌊amount · of / 100⌋` for `of` up to 100.
fn percent(amount: u128, of: u32) -> u128 {
    let of = u128::from(of);
    amount / 100 * of + amount % 100 * of / 100
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::{collection::vec, prelude::*};

    fn parties() -> Parties<u8> {
        Parties {
            miners: vec![(1, 300), (2, 100)],
            supervisor: Some(3),
            evaluators: vec![4, 5],
            verifiers: vec![(6, 3), (7, 1)],
        }
    }

    impl<AccountId> Settlement<AccountId> {
        fn sum(&self) -> u128 {
            self.burnt + self.refunded + self.pooled + self.paid.values().sum::<u128>()
        }
    }

    #[test]
    fn the_parts_are_whole() {
        assert_eq!(MINERS + SUPERVISOR + EVALUATORS + VERIFIERS, 100);
    }

    #[test]
    fn a_completed_task_pays_every_part() {
        let settled = settle(10_000, Verdict::Completed, &parties());
        assert_eq!(
            settled,
            Settlement {
                burnt: 1_000,
                refunded: 0,
                pooled: 1,
                paid: BTreeMap::from([
                    (1, 4_050),
                    (2, 1_350),
                    (3, 1_800),
                    (4, 675),
                    (5, 675),
                    (6, 337),
                    (7, 112),
                ]),
            }
        );
    }

    #[test]
    fn a_failed_task_returns_half_of_the_miners_part() {
        let settled = settle(10_000, Verdict::Failed, &parties());
        assert_eq!(settled.refunded, 2_700);
        assert_eq!((settled.paid[&1], settled.paid[&2]), (2_025, 675));
        assert_eq!((settled.paid[&3], settled.burnt), (1_800, 1_000));
    }

    #[test]
    fn a_client_that_served_nothing_to_evaluators_gets_nothing_back() {
        let settled = settle(10_000, Verdict::Unserved, &parties());
        let failed = settle(10_000, Verdict::Failed, &parties());
        assert_eq!(
            (settled.refunded, settled.pooled),
            (0, 2_700 + failed.pooled)
        );
        assert_eq!(settled.paid, failed.paid);
    }

    #[test]
    fn what_nobody_earned_goes_to_the_pool() {
        let nobody = Parties {
            supervisor: None,
            evaluators: vec![],
            verifiers: vec![],
            ..parties()
        };
        let settled = settle(10_000, Verdict::Completed, &nobody);
        assert_eq!(settled.pooled, 1_800 + 1_350 + 450);
        assert_eq!(settled.paid.len(), 2);
    }

    #[test]
    fn an_expired_task_pays_for_what_was_accepted() {
        let settled = settle(10_000, Verdict::Expired { ordered: 1_600 }, &parties());
        assert_eq!((settled.burnt, settled.refunded), (1_000, 7_650));
        assert_eq!(settled.paid, BTreeMap::from([(1, 1_012), (2, 337)]));
        assert_eq!(settled.pooled, 1);
    }

    #[test]
    fn an_expired_task_without_work_and_a_cancelled_one_are_refunded_but_for_a_tenth() {
        let idle = Parties {
            miners: vec![(1, 0)],
            ..parties()
        };
        for settled in [
            settle(77, Verdict::Expired { ordered: 5 }, &idle),
            settle(77, Verdict::Expired { ordered: 0 }, &parties()),
            settle(77, Verdict::Cancelled, &parties()),
        ] {
            assert_eq!((settled.refunded, settled.sum()), (70, 77));
        }
    }

    #[test]
    fn evaluators_get_less_from_the_emission_than_is_burnt() {
        assert_eq!([emission(0), emission(19), emission(1_000)], [0, 0, 50]);
        assert!(emission(u128::MAX) < settle(u128::MAX, Verdict::Completed, &parties()).burnt);
    }

    #[test]
    fn all_places_cost_a_hundred_times_what_equal_ones_would() {
        let all: u128 = (0..1_000).map(|taken| least(1, taken, 1_000)).sum();
        assert_eq!(all, 100 * 1_023);
    }

    #[test]
    fn one_who_worked_twice_is_paid_once_and_for_both() {
        let twice = Parties {
            supervisor: Some(1),
            ..parties()
        };
        let settled = settle(10_000, Verdict::Completed, &twice);
        assert_eq!(settled.paid[&1], 4_050 + 1_800);
    }

    fn any_parties() -> impl Strategy<Value = Parties<u8>> {
        (
            vec((any::<u8>(), prop_oneof![any::<u128>(), 0..9u128]), 0..32),
            any::<Option<u8>>(),
            vec(any::<u8>(), 0..9),
            vec((any::<u8>(), any::<u32>()), 0..32),
        )
            .prop_map(|(miners, supervisor, evaluators, verifiers)| Parties {
                miners,
                supervisor,
                evaluators,
                verifiers,
            })
    }

    fn any_fee() -> impl Strategy<Value = u128> {
        prop_oneof![any::<u128>(), 0..1_000u128, Just(u128::MAX)]
    }

    proptest! {
        #[test]
        fn the_parts_sum_to_the_fee(
            fee in any_fee(),
            ordered in prop_oneof![any::<u128>(), 0..99u128],
            parties in any_parties(),
        ) {
            for verdict in [
                Verdict::Completed,
                Verdict::Failed,
                Verdict::Unserved,
                Verdict::Expired { ordered },
                Verdict::Cancelled,
            ] {
                prop_assert_eq!(settle(fee, verdict, &parties).sum(), fee);
            }
        }

        #[test]
        fn a_tenth_is_burnt_at_every_end(
            fee in any_fee(),
            ordered in any::<u128>(),
            parties in any_parties(),
        ) {
            for verdict in [
                Verdict::Completed,
                Verdict::Failed,
                Verdict::Unserved,
                Verdict::Expired { ordered },
                Verdict::Cancelled,
            ] {
                prop_assert_eq!(settle(fee, verdict, &parties).burnt, fee / 10);
            }
        }

        #[test]
        fn the_least_fee_doubles_with_every_tenth_of_the_places(min in any::<u128>(), most in 1..5_000u32) {
            prop_assert_eq!(least(min, 0, most), min);
            let fees: Vec<u128> = (0..=most).map(|taken| least(min, taken, most)).collect();
            for (taken, pair) in (1..).zip(fees.windows(2)) {
                prop_assert!(pair[0] <= pair[1], "{taken}");
            }
            prop_assert_eq!(least(min, most, most), min.saturating_mul(1024));
            prop_assert_eq!(least(min, u32::MAX, 0), min.saturating_mul(1024));
        }

        #[test]
        fn a_failed_task_returns_half_of_what_a_completed_one_pays_the_miners(
            fee in any_fee(),
            parties in any_parties(),
        ) {
            let rest = fee - fee / 10;
            let failed = settle(fee, Verdict::Failed, &parties);
            let miners = U256::from(rest) * U256::from(60) / U256::from(100);
            prop_assert_eq!(U256::from(failed.refunded), miners / 2);
        }

        #[test]
        fn miners_are_paid_by_their_macs(
            fee in 0..u128::from(u64::MAX),
            macs in vec(0..u128::from(u64::MAX), 1..8),
        ) {
            let miners: Vec<(usize, u128)> = macs.iter().copied().enumerate().collect();
            let parties = Parties { miners, supervisor: None, evaluators: vec![], verifiers: vec![] };
            let settled = settle(fee, Verdict::Completed, &parties);
            let part = percent(fee - fee / 10, MINERS);
            let whole: u128 = macs.iter().sum();
            for (who, macs) in macs.iter().enumerate() {
                let due = (part * macs).checked_div(whole).unwrap_or(0);
                prop_assert_eq!(settled.paid.get(&who).copied().unwrap_or(0), due);
            }
        }

        #[test]
        fn an_expired_task_never_costs_more_than_the_miners_part(
            fee in any_fee(),
            ordered in any::<u128>(),
            parties in any_parties(),
        ) {
            let expired = settle(fee, Verdict::Expired { ordered }, &parties);
            let rest = fee - expired.burnt;
            prop_assert!(rest - expired.refunded <= percent(rest, MINERS));
        }

        #[test]
        fn percents_are_exact(amount in any::<u128>(), of in 0..=100u32) {
            let exact = U256::from(amount) * U256::from(of) / U256::from(100);
            prop_assert_eq!(U256::from(percent(amount, of)), exact);
        }
    }
}
