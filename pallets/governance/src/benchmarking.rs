//! Benchmark of the call.

use crate::*;
use frame::benchmarking::prelude::*;

#[benchmarks]
mod benchmarks {
    use super::*;

    /// A change that is accepted.
    #[benchmark]
    fn set_parameter() -> Result<(), BenchmarkError> {
        let origin = <T as Config>::ChangeOrigin::try_successful_origin()
            .map_err(|()| BenchmarkError::Weightless)?;
        let change = T::Parameters::prepare();
        let (key, value) = change.clone().into_parts();

        #[extrinsic_call]
        _(origin as T::RuntimeOrigin, change);

        assert_eq!(pallet_parameters::Parameters::<T>::get(key), value);
        Ok(())
    }
}
