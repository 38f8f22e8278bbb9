//! Benchmark of the hook.

use crate::*;
use frame::benchmarking::prelude::*;

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
