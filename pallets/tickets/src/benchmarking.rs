//! Benchmarks of the calls and hooks.

use crate::{register::MAX_CAUGHT_UP, *};
use frame::benchmarking::prelude::*;
use polkadot_sdk::pallet_session::SessionManager;
use quern_market::{
    Duty, Order,
    seams::{Draw, Tickets as Seam},
};
use quern_work::{Dataset, TaskSpec};

/// An account with a live ticket of this role.
fn holder<T: Config>(role: Role, index: u32) -> (T::AccountId, TicketId) {
    let owner: T::AccountId = account("holder", index, 0);
    let ticket = <Pallet<T> as Seam<_>>::prepare(&owner, role, Preferences::any(1));
    (owner, ticket)
}

/// Tickets among which a draw looks as often as it may.
const UNLIKELY: u32 = 512;

/// An order that asks for no GPU.
fn order() -> Order {
    let dataset = Dataset {
        root: [0; 32],
        row_blocks: 1,
        features: 784,
        classes: 10,
    };
    Order {
        name: Default::default(),
        spec: TaskSpec {
            dataset: dataset.clone(),
            hidden: Default::default(),
            batch: 128,
            lr_shift: 4,
            lr_every: 0,
            segment: 64,
        },
        held_out: dataset,
        steps: 64,
        workers: 1,
        evaluators: 1,
        target: 0,
        deadline: 1,
        gpu: false,
        contact: Default::default(),
    }
}

#[benchmarks]
mod benchmarks {
    use super::*;

    #[benchmark]
    fn buy() -> Result<(), BenchmarkError> {
        let caller: T::AccountId = whitelisted_caller();
        let stake = T::BasePrice::get();
        T::Currency::set_balance(&caller, stake.saturating_mul(4));

        #[extrinsic_call]
        _(
            RawOrigin::Signed(caller.clone()),
            Role::Miner,
            stake,
            Preferences::any(1),
        );

        assert_eq!(Pallet::<T>::stake_of(&caller), stake);
        Ok(())
    }

    /// A ticket that is renewed after the price has risen, with a larger stake than before.
    #[benchmark]
    fn renew() -> Result<(), BenchmarkError> {
        let (caller, ticket) = holder::<T>(Role::Miner, 0);
        holder::<T>(Role::Miner, 1);
        let price = Pallet::<T>::price(Role::Miner).saturating_mul(2);
        T::Currency::set_balance(&caller, price.saturating_mul(4));
        Prices::<T>::insert(Role::Miner, price);

        #[extrinsic_call]
        _(RawOrigin::Signed(caller.clone()), ticket);

        assert_eq!(Pallet::<T>::stake_of(&caller), price);
        Ok(())
    }

    #[benchmark]
    fn set_preferences() -> Result<(), BenchmarkError> {
        let (caller, ticket) = holder::<T>(Role::Miner, 0);

        #[extrinsic_call]
        _(RawOrigin::Signed(caller), ticket, Preferences::any(2));

        assert!(Tickets::<T>::get(ticket).is_some_and(|ticket| ticket.preferences.concurrent == 2));
        Ok(())
    }

    /// A ticket whose place another one takes.
    #[benchmark]
    fn retire() -> Result<(), BenchmarkError> {
        let (caller, ticket) = holder::<T>(Role::Miner, 0);
        holder::<T>(Role::Miner, 1);

        #[extrinsic_call]
        _(RawOrigin::Signed(caller), ticket);

        assert!(Tickets::<T>::get(ticket).is_some_and(|ticket| ticket.is_leaving()));
        Ok(())
    }

    /// A ticket of somebody who has validated.
    #[benchmark]
    fn withdraw() -> Result<(), BenchmarkError> {
        let (caller, ticket) = holder::<T>(Role::Supervisor, 0);
        Unseated::<T>::insert(&caller, u32::MAX);
        Pallet::<T>::retire(RawOrigin::Signed(caller.clone()).into(), ticket)?;
        let from = Pallet::<T>::now().saturating_add(T::Unbonding::get());
        frame_system::Pallet::<T>::set_block_number(from.into());

        #[extrinsic_call]
        _(RawOrigin::Signed(caller), ticket);

        assert!(!Tickets::<T>::contains_key(ticket));
        Ok(())
    }

    /// `n` tickets expire after a delay.
    #[benchmark]
    fn sweep(n: Linear<0, MAX_EXPIRED>) -> Result<(), BenchmarkError> {
        // Later than tickets of genesis, which expire before these are looked for.
        frame_system::Pallet::<T>::set_block_number(MAX_CAUGHT_UP.into());
        let tickets: Vec<TicketId> = (0..n)
            .map(|index| holder::<T>(Role::Miner, index).1)
            .collect();
        let at = Pallet::<T>::now().saturating_add(Pallet::<T>::lifetime());
        Swept::<T>::put(at.saturating_add(1).saturating_sub(MAX_CAUGHT_UP));
        frame_system::Pallet::<T>::set_block_number(at.into());

        #[block]
        {
            Pallet::<T>::sweep(at);
        }

        let left = |id| Tickets::<T>::get(id).is_some_and(|ticket| ticket.is_leaving());
        assert!(tickets.into_iter().all(left));
        Ok(())
    }

    /// A draw of `w` among many tickets that fit badly and have no reputation.
    #[benchmark]
    fn draw(w: Linear<1, { sampling::MAX_WANTED }>) -> Result<(), BenchmarkError> {
        for index in 0..UNLIKELY {
            let owner: T::AccountId = account("holder", index, 0);
            let willing = Preferences {
                gpu: true,
                ..Preferences::any(1)
            };
            <Pallet<T> as Seam<_>>::prepare(&owner, Role::Miner, willing);
        }
        let order = order();
        let wish = Draw {
            role: Role::Miner,
            wanted: w,
            seed: [7; 32],
            duty: Duty::Mine(0),
            order: Some(&order),
            excluded: &[],
        };
        let drawn;

        #[block]
        {
            drawn = <Pallet<T> as Seam<_>>::draw(&wish);
        }

        assert_eq!(drawn.len(), w as usize);
        Ok(())
    }

    /// An election in which as many tickets are looked at as may be, all of other accounts, and as many
    /// validators stand in office as may be.
    #[benchmark]
    fn new_session() {
        let supervisors = session::MAX_VALIDATORS + session::MAX_LOOKS as u32;
        let mut seated: Vec<T::AccountId> = (0..supervisors)
            .map(|index| holder::<T>(Role::Supervisor, index).0)
            .collect();
        seated.truncate(session::MAX_VALIDATORS as usize);
        Suspended::<T>::put(BoundedVec::truncate_from(seated.clone()));
        Chosen::<T>::put(BoundedVec::truncate_from(seated));

        #[block]
        {
            Pallet::<T>::new_session(1);
        }

        assert!(Chosen::<T>::get().len() as u32 <= session::MAX_VALIDATORS);
    }

    #[benchmark]
    fn reprice() {
        #[block]
        {
            Pallet::<T>::reprice();
        }

        assert!(Pallet::<T>::price(Role::Miner) != T::BasePrice::get());
    }
}
