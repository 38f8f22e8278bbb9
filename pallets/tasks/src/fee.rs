//! How a task's fee is divided, free of storage: integers only, and every unit goes somewhere.
//!
//! | part | of what is left after a tenth is burnt | by |
//! | --- | --- | --- |
//! | miners | 60 % | MACs accepted by audits |
//! | supervisor | 20 % | |
//! | evaluators | 15 % | equal parts among those with the outcome |
//! | verifiers | 5 % | votes with the outcome |
//!
//! A part that nobody can be paid, and what does not divide, goes to the rewards pool.

use alloc::{collections::BTreeMap, vec::Vec};
use frame::deps::sp_core::U256;

/// Percent of what a client pays that is burnt.
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
    /// No run ended in time: the miners' part is paid in proportion, the rest goes back.
    Expired {
        /// MACs that were ordered.
        ordered: u128,
    },
    /// Training never began: all goes back.
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

/// Divides a fee.
pub fn settle<AccountId: Clone + Ord>(
    fee: u128,
    verdict: Verdict,
    parties: &Parties<AccountId>,
) -> Settlement<AccountId> {
    match verdict {
        Verdict::Completed => divide(fee, parties, 0),
        Verdict::Failed => divide(fee, parties, 50),
        Verdict::Expired { ordered } => expire(fee, ordered, &parties.miners),
        Verdict::Cancelled => expire(fee, 0, &[]),
    }
}

/// Pays all parts, but gives `back` percent of the miners' part to the client.
fn divide<AccountId: Clone + Ord>(
    fee: u128,
    parties: &Parties<AccountId>,
    back: u32,
) -> Settlement<AccountId> {
    let burnt = percent(fee, BURNT);
    let rest = fee - burnt;
    let miners = percent(rest, MINERS);
    let refunded = percent(miners, back);
    let mut paid = BTreeMap::new();
    let one = |who: &AccountId| (who.clone(), 1);
    let given = [
        share(miners - refunded, parties.miners.iter().cloned(), &mut paid),
        share(
            percent(rest, SUPERVISOR),
            parties.supervisor.iter().map(one),
            &mut paid,
        ),
        share(
            percent(rest, EVALUATORS),
            parties.evaluators.iter().map(one),
            &mut paid,
        ),
        share(
            percent(rest, VERIFIERS),
            parties
                .verifiers
                .iter()
                .map(|(who, votes)| (who.clone(), u128::from(*votes))),
            &mut paid,
        ),
    ];
    let given: u128 = given.iter().sum();
    Settlement {
        burnt,
        refunded,
        pooled: rest - refunded - given,
        paid,
    }
}

/// Pays the miners' part in proportion to what was done of what was ordered; the client is refunded
/// everything else, and a tenth of what the client does pay is burnt.
fn expire<AccountId: Clone + Ord>(
    fee: u128,
    ordered: u128,
    miners: &[(AccountId, u128)],
) -> Settlement<AccountId> {
    let done = total(miners.iter().map(|(_, macs)| *macs)).min(ordered.into());
    let spent = portion(percent(fee, MINERS), done, ordered.into());
    let burnt = percent(spent, BURNT);
    let mut paid = BTreeMap::new();
    let given = share(spent - burnt, miners.iter().cloned(), &mut paid);
    Settlement {
        burnt,
        refunded: fee - spent,
        pooled: spent - burnt - given,
        paid,
    }
}

/// Divides `part` in proportion to the weights, rounding down; returns what was given.
fn share<AccountId: Ord>(
    part: u128,
    weights: impl Iterator<Item = (AccountId, u128)> + Clone,
    paid: &mut BTreeMap<AccountId, u128>,
) -> u128 {
    let whole = total(weights.clone().map(|(_, weight)| weight));
    let mut given = 0;
    for (who, weight) in weights {
        let piece = portion(part, weight.into(), whole);
        if piece > 0 {
            *paid.entry(who).or_default() += piece;
            given += piece;
        }
    }
    given
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
        assert_eq!((settled.burnt, settled.refunded), (150, 8_500));
        assert_eq!(settled.paid, BTreeMap::from([(1, 1_012), (2, 337)]));
        assert_eq!(settled.pooled, 1);
    }

    #[test]
    fn an_expired_task_without_work_and_a_cancelled_one_are_refunded() {
        let idle = Parties {
            miners: vec![(1, 0)],
            ..parties()
        };
        for settled in [
            settle(77, Verdict::Expired { ordered: 5 }, &idle),
            settle(77, Verdict::Expired { ordered: 0 }, &parties()),
            settle(77, Verdict::Cancelled, &parties()),
        ] {
            assert_eq!((settled.refunded, settled.sum()), (77, 77));
        }
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
                Verdict::Expired { ordered },
                Verdict::Cancelled,
            ] {
                prop_assert_eq!(settle(fee, verdict, &parties).sum(), fee);
            }
        }

        #[test]
        fn a_tenth_is_burnt_of_what_is_not_refunded(
            fee in any_fee(),
            ordered in any::<u128>(),
            parties in any_parties(),
        ) {
            prop_assert_eq!(settle(fee, Verdict::Completed, &parties).burnt, fee / 10);
            prop_assert_eq!(settle(fee, Verdict::Failed, &parties).burnt, fee / 10);
            let expired = settle(fee, Verdict::Expired { ordered }, &parties);
            prop_assert_eq!(expired.burnt, (fee - expired.refunded) / 10);
            prop_assert_eq!(settle(fee, Verdict::Cancelled, &parties).burnt, 0);
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
            prop_assert!(fee - expired.refunded <= percent(fee, MINERS));
        }

        #[test]
        fn percents_are_exact(amount in any::<u128>(), of in 0..=100u32) {
            let exact = U256::from(amount) * U256::from(of) / U256::from(100);
            prop_assert_eq!(U256::from(percent(amount, of)), exact);
        }
    }
}
