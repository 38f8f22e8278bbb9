//! Benchmark of the hook.

use crate::*;
use frame::benchmarking::prelude::*;

#[benchmarks]
mod benchmarks {
    use super::*;

    /// A correction at the end of an epoch: the longest path.
    #[benchmark]
    fn on_finalize() {
        let target = Target {
            interval_ms: 3_000,
            floor: 1,
        };
        State::<T>::put(Retarget {
            last_ms: Some(1),
            epoch_blocks: retarget::EPOCH - 1,
            epoch_work: 1 << 100,
            ..Retarget::initial(1 << 90, &target)
        });
        Goal::<T>::put(target);

        #[block]
        {
            Pallet::<T>::on_finalize(1u32.into());
        }

        assert_eq!(Pallet::<T>::parent(), 1 << 90);
    }
}
