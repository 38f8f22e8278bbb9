//! Units of money, and where fees go.

use crate::{AccountId, Balance, Balances, author::Author};
use polkadot_sdk::{
    frame_support::traits::{
        Get, Imbalance, OnUnbalanced,
        fungible::{Balanced, Credit},
    },
    sp_runtime::Percent,
};

/// One QRN.
pub const QRN: Balance = 1_000_000_000_000;

/// A thousandth of a QRN: the existential deposit.
pub const MILLI_QRN: Balance = QRN / 1_000;

/// The part of a fee that is burnt.
const BURNT: Percent = Percent::from_percent(80);

/// Burns 80 % of a fee; the rest, and the whole tip, goes to the block's author.
pub struct DealWithFees;

impl OnUnbalanced<Credit<AccountId, Balances>> for DealWithFees {
    fn on_unbalanceds(mut parts: impl Iterator<Item = Credit<AccountId, Balances>>) {
        let Some(fee) = parts.next() else { return };
        let burnt = BURNT * fee.peek();
        let (_burnt, mut income) = fee.split(burnt);
        if let Some(tip) = parts.next() {
            income.subsume(tip);
        }
        if let Some(author) = Author::get() {
            // What can't be deposited (an author below the existential deposit) is burnt too.
            let _ = <Balances as Balanced<AccountId>>::resolve(&author, income);
        }
    }
}
