//! Benchmark of the hook.

use crate::*;
use frame::benchmarking::prelude::*;

#[benchmarks]
mod benchmarks {
    use super::*;

    /// A block's emission.
    #[benchmark]
    fn on_finalize() {
        Emitted::<T>::put(0);

        #[block]
        {
            Pallet::<T>::on_finalize(1u32.into());
        }

        assert!(Pending::<T>::get() > 0);
    }
}
