//! The numbers of the protocol that governance may change, each with its default and its bounds.
//!
//! A parameter is read where it is used, at every use, so a change counts from the next call on. What bounds
//! storage (how many tickets an account may have, how long a list may grow) and what the money's holders
//! were promised (cap, subsidy, halving) is no parameter: it takes a new runtime.

use crate::{
    BlockNumber, Runtime,
    money::{MILLI_QRN, QRN},
};
use alloc::vec::Vec;
use pallet_audits::MIN_REJECTING;
use pallet_governance::Breach;
use pallet_tickets::session::MAX_VALIDATORS;
use polkadot_sdk::{
    frame_support::{
        dynamic_params::{dynamic_pallet_params, dynamic_params},
        traits::Get,
    },
    pallet_parameters,
    sp_runtime::Percent,
};
use quern_api::ParameterInfo;
use quern_market::vote::MAX_DRAWN_SEGMENTS;

/// Blocks of a day at the interval of six seconds that the chain is meant for.
pub const DAY: BlockNumber = 14_400;

/// Blocks of a year.
pub const YEAR: BlockNumber = 365 * DAY;

/// One in Q32.32.
const ONE: u64 = 1 << 32;

/// Tiles that a run may draw per parameter of its network, Q32.32.
///
/// The next runtime is stricter: only part of the tiles of the commons' product may then win.
pub const OMEGA_M: u64 = if cfg!(feature = "next") {
    ONE / 1_024
} else {
    ONE / 256
};

/// A type of parameters, as a plain number.
trait Plain: Sized {
    fn plain(self) -> u128;
    fn from_plain(number: u128) -> Option<Self>;
}

macro_rules! plain {
    ($($type:ty),*) => {$(
        impl Plain for $type {
            fn plain(self) -> u128 {
                self.into()
            }

            fn from_plain(number: u128) -> Option<Self> {
                number.try_into().ok()
            }
        }
    )*};
}

plain!(u32, u64, u128);

impl Plain for bool {
    fn plain(self) -> u128 {
        self.into()
    }

    fn from_plain(number: u128) -> Option<Self> {
        (number <= 1).then_some(number == 1)
    }
}

impl Plain for Percent {
    fn plain(self) -> u128 {
        self.deconstruct().into()
    }

    fn from_plain(number: u128) -> Option<Self> {
        let parts = u8::try_from(number).ok().filter(|parts| *parts <= 100)?;
        Some(Self::from_parts(parts))
    }
}

/// Whether a value lies between two others.
fn bounded(
    name: &'static str,
    value: impl Plain,
    minimum: u128,
    maximum: u128,
) -> Result<(), Breach> {
    let value = value.plain();
    if value < minimum {
        return Err(Breach::BelowMinimum(name));
    }
    if value > maximum {
        return Err(Breach::AboveMaximum(name));
    }
    Ok(())
}

/// One line a parameter: its type, index on chain, name, default, bounds and unit.
macro_rules! parameters {
    ($(
        $(#[doc = $about:literal])*
        mod $module:ident as $variant:ident at $at:tt {
            $(
                $(#[doc = $doc:literal])*
                $key:ident at $index:tt, $name:literal: $type:ident = $default:expr,
                    in $minimum:expr => $maximum:expr, $unit:literal;
            )*
        }
    )*) => {
        #[dynamic_params(RuntimeParameters, pallet_parameters::Parameters::<Runtime>)]
        pub mod dynamic {
            use super::*;

            $(
                $(#[doc = $about])*
                #[dynamic_pallet_params]
                #[codec(index = $at)]
                pub mod $module {
                    $(
                        $(#[doc = $doc])*
                        #[codec(index = $index)]
                        pub static $key: $type = $default;
                    )*
                }
            )*
        }

        pub use dynamic::{$($module),*};

        /// Every parameter as it stands.
        pub fn all() -> Vec<ParameterInfo> {
            let mut all = Vec::new();
            $($({
                let default: $type = $default;
                all.push(ParameterInfo {
                    name: concat!(stringify!($module), ".", $name).into(),
                    unit: $unit.into(),
                    value: Plain::plain(<$module::$key as Get<$type>>::get()),
                    default: Plain::plain(default),
                    minimum: $minimum,
                    maximum: $maximum,
                });
            })*)*
            all
        }

        /// The bounds of each parameter by itself.
        fn within() -> Result<(), Breach> {
            $($({
                let name = concat!(stringify!($module), ".", $name);
                bounded(name, <$module::$key as Get<$type>>::get(), $minimum, $maximum)?;
            })*)*
            Ok(())
        }

        /// A parameter by its name, with this value.
        fn named(name: &str, value: Option<u128>) -> Option<RuntimeParameters> {
            match name {
                $($(
                    concat!(stringify!($module), ".", $name) => {
                        let value: Option<$type> = match value {
                            Some(number) => Some(Plain::from_plain(number)?),
                            None => None,
                        };
                        let change = $module::Parameters::$key($module::$key, value);
                        Some(RuntimeParameters::$variant(change))
                    }
                )*)*
                _ => None,
            }
        }
    };
}

const BLOCKS: u128 = DAY as u128;

/// Fewest blocks for voters: they keep a few in reserve for their transactions, and still need time to work.
const WINDOW: u128 = 10;

parameters! {
    /// What a licence costs, and how long it lasts.
    mod tickets as Tickets at 0 {
        /// First price of every role.
        BasePrice at 0, "base_price": u128 = 10 * QRN, in MILLI_QRN => 1_000_000 * QRN, "10^-12 QRN";
        /// Least price.
        PriceFloor at 1, "price_floor": u128 = QRN, in MILLI_QRN => 1_000_000 * QRN, "10^-12 QRN";
        /// Blocks between two prices.
        PriceInterval at 2, "price_interval": u32 = 144, in 1 => 30 * BLOCKS, "blocks";
        /// Live tickets of a role at which its price stays.
        PoolTarget at 3, "pool_target": u32 = 40_960, in 1 => 10_000_000, "tickets";
        /// Blocks for which a ticket is live.
        Lifetime at 4, "lifetime": u32 = 30 * DAY, in 100 => u128::from(YEAR), "blocks";
        /// Blocks from a ticket's end until its stake can be withdrawn; longer than any audit, with all that
        /// may delay it. For as long a validator's votes can be reported.
        Unbonding at 5, "unbonding": u32 = 7 * DAY, in 1 => u128::from(YEAR), "blocks";
        /// Most validators of a session.
        MaxValidators at 6, "max_validators": u32 = 32, in 1 => u128::from(MAX_VALIDATORS), "accounts";
    }

    /// What paid training costs at least, and its deadlines.
    mod tasks as Tasks at 1 {
        /// Least fee of a task.
        MinFee at 0, "min_fee": u128 = QRN, in MILLI_QRN => 1_000_000 * QRN, "10^-12 QRN";
        /// Blocks for a drawn miner to open its run.
        StartWithin at 1, "start_within": u32 = 100, in 1 => 30 * BLOCKS, "blocks";
        /// Blocks for each further claim.
        ProgressWithin at 2, "progress_within": u32 = 600, in 1 => 30 * BLOCKS, "blocks";
        /// Blocks for evaluators to commit to their scores.
        CommitWithin at 3, "commit_within": u32 = 20, in WINDOW => BLOCKS, "blocks";
        /// Blocks to reveal them.
        RevealWithin at 4, "reveal_within": u32 = 10, in WINDOW => BLOCKS, "blocks";
    }

    /// Which draws count, and what claims must keep to.
    mod work as Work at 2 {
        /// Tiles that a run may draw per row of its batch, in 2^-32.
        OmegaB at 0, "omega_b": u64 = ONE, in 0 => u128::from(u64::MAX), "2^-32 tiles per row";
        /// Tiles that a run may draw per parameter of its network, in 2^-32.
        OmegaM at 1, "omega_m": u64 = OMEGA_M, in 0 => u128::from(u64::MAX), "2^-32 tiles per parameter";
        /// Steps that may be mined past the last one claimed.
        MaxAhead at 2, "max_ahead": u64 = 16_384, in 1 => 1 << 32, "steps";
        /// Expected MACs of a share: one a minute at 60 GMAC/s.
        ShareDifficulty at 3, "share_difficulty": u128 = 4_000_000_000_000,
            in 1_000_000 => 1_000_000_000_000_000_000_000_000, "MACs";
        /// Blocks after its commitment within which a claim must be revealed.
        RevealWithin at 4, "reveal_within": u32 = 100, in 1 => BLOCKS, "blocks";
        /// Blocks after which shares that wait for a claim may be forfeited.
        ForfeitAfter at 5, "forfeit_after": u32 = DAY, in 1 => 30 * BLOCKS, "blocks";
        /// Held while a run is open.
        RunDeposit at 6, "run_deposit": u128 = QRN, in MILLI_QRN => 1_000 * QRN, "10^-12 QRN";
        /// What the treasury pays for accepted work on commons tasks.
        CommonsRate at 7, "commons_rate": u128 = 0, in 0 => 1_000 * QRN, "10^-12 QRN per 10^12 MACs";
        /// What a verifier or an evaluator may be asked to execute for one ballot: tasks that would ask more
        /// are refused. Those that are open stay.
        MaxVoteMacs at 8, "max_vote_macs": u64 = 1 << 42, in 1 << 36 => 1 << 60, "MACs";
        /// What it may be asked to fetch for one ballot, likewise.
        MaxVoteBytes at 9, "max_vote_bytes": u64 = 1 << 30, in 1 << 26 => 1 << 40, "bytes";
    }

    /// How claims are checked.
    mod audits as Audits at 3 {
        /// Verifiers of an audit.
        Verifiers at 0, "verifiers": u32 = 3, in MIN_REJECTING.into() => u128::from(quern_market::ballot::MAX_SEATS), "accounts";
        /// Segments that they execute again.
        Segments at 1, "segments": u32 = 3, in 1 => u128::from(MAX_DRAWN_SEGMENTS), "segments";
        /// Blocks from a claim's reveal to the draw.
        DrawAfter at 2, "draw_after": u32 = 2, in 1 => BLOCKS, "blocks";
        /// Blocks for commitments to votes.
        CommitWithin at 3, "commit_within": u32 = 20, in WINDOW => BLOCKS, "blocks";
        /// Blocks for the votes after that.
        RevealWithin at 4, "reveal_within": u32 = 10, in WINDOW => BLOCKS, "blocks";
    }

    /// How fast deeds are forgotten.
    mod reputation as Reputation at 4 {
        /// Blocks in which a score halves.
        HalfLife at 0, "half_life": u32 = 7 * DAY, in 100 => u128::from(YEAR), "blocks";
    }

    /// What transactions cost, and who gets it.
    mod fees as Fees at 5 {
        /// Fee of a byte: by default a block full of bytes costs about as much as a block full of weight.
        ByteFee at 0, "byte_fee": u128 = 100_000, in 1 => MILLI_QRN, "10^-12 QRN";
        /// Part of a fee that goes to the block's author. The tip is the author's too.
        ToAuthor at 1, "to_author": Percent = Percent::from_percent(20), in 0 => 100, "%";
        /// Part of a fee that goes to the treasury. What nobody gets is burnt.
        ToTreasury at 2, "to_treasury": Percent = Percent::from_percent(20), in 0 => 100, "%";
    }

    /// The pace of governance.
    mod governance as Governance at 6 {
        /// Blocks of a governance day, the unit of all periods of referenda; quarters of it are used.
        Day at 0, "day": u32 = DAY, in 4 => 10 * BLOCKS, "blocks";
    }

    /// How blocks become final.
    mod consensus as Consensus at 7 {
        /// Whether validators vote by the Snow family's rules beside GRANDPA.
        Snow at 0, "snow": bool = false, in 0 => 1, "switch";
    }
}

/// The rules between parameters.
fn consistent() -> Result<(), Breach> {
    if tickets::PriceFloor::get() > tickets::BasePrice::get() {
        return Err(Breach::Inconsistent(
            "tickets.price_floor",
            "tickets.base_price",
        ));
    }
    let audit = pallet_audits::longest(
        audits::DrawAfter::get(),
        audits::CommitWithin::get(),
        audits::RevealWithin::get(),
        <Runtime as pallet_audits::Config>::MaxActive::get(),
    );
    // A stake must answer for a claim or a vote as long as its audit may last.
    if u64::from(tickets::Unbonding::get()) <= audit {
        return Err(Breach::Inconsistent(
            "tickets.unbonding",
            "audits.commit_within",
        ));
    }
    // What vests must not be forfeited while its claim may still be revealed in time.
    if work::ForfeitAfter::get() <= work::RevealWithin::get() {
        return Err(Breach::Inconsistent(
            "work.forfeit_after",
            "work.reveal_within",
        ));
    }
    if fees::ToAuthor::get().plain() + fees::ToTreasury::get().plain() > 100 {
        return Err(Breach::Inconsistent("fees.to_author", "fees.to_treasury"));
    }
    Ok(())
}

/// The chain's parameters, for the pallet that changes them.
pub struct Bounds;

impl pallet_governance::Parameters<RuntimeParameters> for Bounds {
    fn check() -> Result<(), Breach> {
        within()?;
        consistent()
    }

    fn named(name: &str, value: Option<u128>) -> Option<RuntimeParameters> {
        named(name, value)
    }

    #[cfg(feature = "runtime-benchmarks")]
    fn prepare() -> RuntimeParameters {
        RuntimeParameters::default()
    }
}

#[cfg(feature = "runtime-benchmarks")]
impl Default for RuntimeParameters {
    /// A change within the bounds, of a parameter with a long value.
    fn default() -> Self {
        Self::Work(work::Parameters::ShareDifficulty(
            work::ShareDifficulty,
            Some(8_000_000_000_000),
        ))
    }
}

/// The whole call that changes a parameter, encoded.
pub fn call(name: &str, value: Option<u128>) -> Option<Vec<u8>> {
    use codec::Encode;
    let key_value = named(name, value)?;
    let call = pallet_governance::Call::<Runtime>::set_parameter { key_value };
    Some(crate::RuntimeCall::Governance(call).encode())
}
