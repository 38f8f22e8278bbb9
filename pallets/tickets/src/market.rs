//! What other pallets may ask and do.

use alloc::{collections::BTreeSet, vec::Vec};
use codec::Encode;
use frame::{
    deps::frame_support::storage::with_storage_layer,
    prelude::*,
    traits::{
        fungible::MutateHold,
        tokens::{Fortitude, Precision, Restriction},
    },
};
use quern_market::{
    Duty, Role, TicketId,
    seams::{Draw, Reputation, Tickets as Seam},
};
use quern_work::hash;

use crate::{
    Config, Event, HoldReason, Holders, Holdings, Pallet, Places, Pools, Ticket, Tickets, pool,
    sampling::{self, Candidate},
};

/// The stake, in units, beyond which a miner's chances grow no more: 1000 QRN.
const FULL_STAKE: u64 = 1_000_000;

/// Weight of a miner's fit, in parts of [`FULL_SCORE`] per percent.
const FIT: u64 = 70_000;

/// Weight of a miner's stake, in parts of [`FULL_SCORE`] per unit.
const STAKE: u64 = 3;

/// The score of a miner who fits fully with a full stake.
const FULL_SCORE: u64 = 100 * FIT + FULL_STAKE * STAKE;

/// One in parts per million, as reputation's factor counts.
const MILLION: u64 = 1_000_000;

/// Least factor of a miner's reputation: a newcomer must be able to begin.
const NEWCOMER: Permill = Permill::from_percent(10);

/// Points of the line that a ticket of this bucket owns: miners all own as many, the others between once
/// and twice their stake.
fn width(role: Role, bucket: u8) -> u128 {
    match role {
        Role::Miner => u128::from(FULL_SCORE) * u128::from(MILLION),
        Role::Supervisor | Role::Verifier | Role::Evaluator => 2 << bucket,
    }
}

impl<T: Config> Pallet<T> {
    /// The ticket as a candidate, unless it must not be drawn.
    fn candidate(
        draw: &Draw<'_, T::AccountId>,
        id: TicketId,
        ticket: Ticket<T::AccountId>,
    ) -> Option<Candidate<T::AccountId>> {
        let idle = ticket.is_live(Self::now())
            && ticket.has_room()
            && !ticket.duties.contains(&draw.duty)
            && !draw.excluded.contains(&ticket.owner);
        if !idle {
            return None;
        }
        let units = pool::units(ticket.stake);
        let (weight, qualified) = if draw.role == Role::Miner {
            let fit = match draw.order {
                Some(order) => ticket.preferences.fit(order)?,
                None => 100,
            };
            let score = u64::from(fit) * FIT + units.min(FULL_STAKE) * STAKE;
            let factor = T::Reputation::factor(&ticket.owner).max(NEWCOMER);
            (u128::from(score) * u128::from(factor.deconstruct()), true)
        } else {
            (units.into(), T::Reputation::qualifies(&ticket.owner))
        };
        Some(Candidate {
            ticket: id,
            owner: ticket.owner,
            weight,
            qualified,
        })
    }

    /// Takes `amount` of a stake; what could not go to the reporter is burnt. Returns what was burnt and
    /// what went to the reporter.
    fn take(owner: &T::AccountId, amount: u128, reporter: Option<&T::AccountId>) -> (u128, u128) {
        let reason = HoldReason::Stake.into();
        let (precision, force) = (Precision::BestEffort, Fortitude::Force);
        let reported = reporter.map_or(0, |reporter| {
            let (half, free) = (amount / 2, Restriction::Free);
            with_storage_layer(|| {
                T::Currency::transfer_on_hold(
                    &reason, owner, reporter, half, precision, free, force,
                )
            })
            .unwrap_or(0)
        });
        let rest = amount.saturating_sub(reported);
        let burnt =
            with_storage_layer(|| T::Currency::burn_held(&reason, owner, rest, precision, force))
                .unwrap_or(0);
        (burnt, reported)
    }
}

impl<T: Config> Seam<T::AccountId> for Pallet<T> {
    fn owner(ticket: TicketId) -> Option<T::AccountId> {
        Tickets::<T>::get(ticket).map(|ticket| ticket.owner)
    }

    fn licenses(ticket: TicketId, role: Role) -> bool {
        Tickets::<T>::get(ticket)
            .is_some_and(|ticket| ticket.role == role && ticket.is_live(Self::now()))
    }

    /// One read, and one of each that is excluded, however many there are: holders are counted as tickets
    /// begin and end to live. Those whose time is up count until the sweep has let them leave.
    fn others(role: Role, excluded: &[T::AccountId]) -> u32 {
        let excluded: BTreeSet<_> = excluded.iter().collect();
        let holds = |who: &&T::AccountId| Holdings::<T>::contains_key(role, who);
        let own = excluded.into_iter().filter(holds).count() as u32;
        Holders::<T>::get(role).saturating_sub(own)
    }

    fn draw(draw: &Draw<'_, T::AccountId>) -> Vec<(TicketId, T::AccountId)> {
        let label = (b"quern/v1/tickets", draw.role, draw.duty).encode();
        let mut stream = hash::xof(&draw.seed, &label);
        let entropy = || {
            let mut bytes = [0; 16];
            stream.fill(&mut bytes);
            u128::from_le_bytes(bytes)
        };
        let look = |place| {
            let id = Places::<T>::get(draw.role, place)?;
            Self::candidate(draw, id, Tickets::<T>::get(id)?)
        };
        let width = |bucket| width(draw.role, bucket);
        let counts = Pools::<T>::get(draw.role);
        let drawn = sampling::draw(&counts, width, draw.wanted, entropy, look);
        for (id, _) in &drawn {
            if let Some(mut ticket) = Tickets::<T>::get(id)
                && ticket.bind(draw.duty)
            {
                Self::file(*id, ticket);
                Self::deposit_event(Event::Drawn {
                    ticket: *id,
                    duty: draw.duty,
                });
            }
        }
        drawn
    }

    fn draw_weight(wanted: u32) -> Weight {
        <T::WeightInfo as crate::WeightInfo>::draw(wanted.min(sampling::MAX_WANTED))
    }

    fn relieve(ticket: TicketId, duty: Duty) {
        if let Some(mut relieved) = Tickets::<T>::get(ticket)
            && relieved.relieve(duty)
        {
            Self::file(ticket, relieved);
            Self::deposit_event(Event::Relieved { ticket, duty });
        }
    }

    fn slash(ticket: TicketId, part: Permill, reporter: Option<&T::AccountId>) -> u128 {
        let Some(mut slashed) = Tickets::<T>::get(ticket) else {
            return 0;
        };
        // As much of a stake that slashes have left small as of the least one, or wrongs would grow cheaper.
        let floor = Self::floor();
        let amount = part.mul_ceil(slashed.stake.max(floor)).min(slashed.stake);
        if amount == 0 {
            return 0;
        }
        let (burnt, reported) = Self::take(&slashed.owner, amount, reporter);
        let taken = burnt.saturating_add(reported);
        slashed.stake = slashed.stake.saturating_sub(taken);
        let left = slashed.stake;
        let retires = !slashed.is_leaving() && left < floor.div_ceil(2);
        Self::deposit_event(Event::Slashed {
            ticket,
            burnt,
            reported,
            left,
        });
        if left == 0 {
            Self::forget(ticket, slashed);
        } else if retires {
            let withdrawable = Self::leave(ticket, slashed);
            Self::deposit_event(Event::Retired {
                ticket,
                withdrawable,
            });
        } else {
            Self::file(ticket, slashed);
        }
        taken
    }

    #[cfg(feature = "runtime-benchmarks")]
    fn prepare(
        owner: &T::AccountId,
        role: Role,
        preferences: quern_market::Preferences,
    ) -> TicketId {
        use frame::traits::fungible::{Inspect, Mutate};
        let stake = Self::price(role);
        let endowment = T::Currency::minimum_balance()
            .saturating_add(stake)
            .saturating_mul(2);
        let _ = T::Currency::mint_into(owner, endowment);
        Self::issue(owner.clone(), role, stake, preferences).unwrap_or(TicketId::MAX)
    }
}
