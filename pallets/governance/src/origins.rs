//! Who speaks with which power.

use crate::Origin;
use core::marker::PhantomData;
use frame::{
    prelude::*,
    traits::{Get, OriginTrait},
};

/// Lets only the origin `Wanted` pass.
pub struct EnsureOne<Wanted>(PhantomData<Wanted>);

impl<O, Wanted> EnsureOrigin<O> for EnsureOne<Wanted>
where
    O: OriginTrait + From<Origin>,
    for<'a> &'a O::PalletsOrigin: TryInto<&'a Origin>,
    Wanted: Get<Origin>,
{
    type Success = ();

    fn try_origin(origin: O) -> Result<(), O> {
        let found: Option<&Origin> = origin.caller().try_into().ok();
        if found == Some(&Wanted::get()) {
            Ok(())
        } else {
            Err(origin)
        }
    }

    #[cfg(feature = "runtime-benchmarks")]
    fn try_successful_origin() -> Result<O, ()> {
        Ok(O::from(Wanted::get()))
    }
}

/// [`Origin::Parameters`] as a type.
pub struct Parameters;

impl Get<Origin> for Parameters {
    fn get() -> Origin {
        Origin::Parameters
    }
}

/// [`Origin::Spend`] as a type.
pub struct Spend;

impl Get<Origin> for Spend {
    fn get() -> Origin {
        Origin::Spend
    }
}

/// [`Origin::Emergency`] as a type.
pub struct Emergency;

impl Get<Origin> for Emergency {
    fn get() -> Origin {
        Origin::Emergency
    }
}

/// A referendum that may change parameters.
pub type EnsureParameters = EnsureOne<Parameters>;

/// A referendum that may spend.
pub type EnsureSpend = EnsureOne<Spend>;

/// A referendum that may stop calls.
pub type EnsureEmergency = EnsureOne<Emergency>;
