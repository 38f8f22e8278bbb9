//! Units of money, and where money goes: fees to author and treasury, the treasury's to commons work.

use crate::{
    AccountId, Balance, Balances, Treasury,
    author::Author,
    parameters::{fees, work},
};
use polkadot_sdk::{
    frame_support::traits::{
        Get, Imbalance, OnUnbalanced, TypedGet,
        fungible::{Balanced, Credit, Mutate},
        tokens::Preservation,
    },
    sp_runtime::{Rounding, helpers_128bit::multiply_by_rational_with_rounding},
};
use quern_market::seams::CommonsPay;

/// One QRN.
pub const QRN: Balance = 1_000_000_000_000;

/// A thousandth of a QRN: the existential deposit.
pub const MILLI_QRN: Balance = QRN / 1_000;

/// MACs that `work.commons_rate` pays for.
const RATED_MACS: u128 = 1_000_000_000_000;

/// Account of the treasury.
pub struct TreasuryAccount;

impl Get<AccountId> for TreasuryAccount {
    fn get() -> AccountId {
        Treasury::account_id()
    }
}

impl TypedGet for TreasuryAccount {
    type Type = AccountId;

    fn get() -> AccountId {
        Treasury::account_id()
    }
}

/// Splits a fee between the block's author, who has the whole tip too, and the treasury; the rest is burnt.
pub struct DealWithFees;

impl OnUnbalanced<Credit<AccountId, Balances>> for DealWithFees {
    fn on_unbalanceds(mut parts: impl Iterator<Item = Credit<AccountId, Balances>>) {
        let Some(fee) = parts.next() else { return };
        // A part of a number never overflows, and two floors of parts of at most 100 % together never
        // exceed the whole. A split gives at most what is there in any case.
        let amount = fee.peek();
        let to_author = fees::ToAuthor::get().mul_floor(amount);
        let to_treasury = fees::ToTreasury::get().mul_floor(amount);
        let (mut income, rest) = fee.split(to_author);
        let (saved, _burnt) = rest.split(to_treasury);
        if let Some(tip) = parts.next() {
            income.subsume(tip);
        }
        if let Some(author) = Author::get() {
            // What can't be deposited (an author below the existential deposit) is burnt too.
            let _ = <Balances as Balanced<AccountId>>::resolve(&author, income);
        }
        let _ = <Balances as Balanced<AccountId>>::resolve(&Treasury::account_id(), saved);
    }
}

/// Pays for accepted work on commons tasks from the treasury, at the rate that governance set.
pub struct FromTreasury;

impl CommonsPay<AccountId> for FromTreasury {
    fn pay(owner: &AccountId, macs: u128) -> u128 {
        let rate = work::CommonsRate::get();
        let due = multiply_by_rational_with_rounding(rate, macs, RATED_MACS, Rounding::Down);
        let Some(due) = due.filter(|due| *due > 0) else {
            return 0;
        };
        Balances::transfer(&Treasury::account_id(), owner, due, Preservation::Preserve).unwrap_or(0)
    }
}
