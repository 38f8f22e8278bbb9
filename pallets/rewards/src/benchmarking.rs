//! Benchmark of the hook.

use crate::*;
use alloc::vec;
use frame::benchmarking::prelude::*;
use quern_market::ballot::MAX_SEATS;

impl<T: Config> Pallet<T> {
    /// Leaves room for one ballot's votes in the queue.
    pub(crate) fn crowd() {
        let voter = account("waiting", 0, 0);
        let waiting = vec![(voter, 1); (MAX_VOTES - MAX_SEATS) as usize];
        Voted::<T>::put(BoundedVec::truncate_from(waiting));
    }
}

#[benchmarks]
mod benchmarks {
    use super::*;

    /// A block's emission, and the payment of `v` votes by as many accounts.
    #[benchmark]
    fn on_finalize(v: Linear<0, VOTES_PER_BLOCK>) {
        Emitted::<T>::put(0);
        // They are owed more than there is, so each part is worked out.
        for voter in 0..v {
            let owed = T::Subsidy::get();
            let voter = account("voter", voter, 0);
            Voted::<T>::mutate(|waiting| waiting.try_push((voter, owed)).ok());
        }

        #[block]
        {
            Pallet::<T>::on_finalize(1u32.into());
        }

        assert!(Pending::<T>::get() > 0);
        assert!(Voted::<T>::get().is_empty());
    }
}
