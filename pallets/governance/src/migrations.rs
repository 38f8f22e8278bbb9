//! How the pallet's storage moves from one layout to the next.
//!
//! A migration names both layouts by storage aliases, so that it reads the same whatever the pallet's own
//! types are by now, and is wrapped in a `VersionedMigration`: it runs once, on the version it is for. The
//! runtime lists it in `frame_system::Config::SingleBlockMigrations` of the release that needs it.

/// From a bare count of changes to a count with the block of the last one.
pub mod v2 {
    use crate::{Config, Pallet};
    #[cfg(any(test, feature = "try-runtime"))]
    use alloc::vec::Vec;
    use core::marker::PhantomData;
    #[cfg(any(test, feature = "try-runtime"))]
    use frame::deps::sp_runtime::TryRuntimeError;
    use frame::{
        deps::frame_support::{
            migrations::VersionedMigration, storage_alias, traits::UncheckedOnRuntimeUpgrade,
        },
        prelude::*,
        traits::Get,
    };

    /// How often parameters were changed, and when last.
    #[derive(
        Clone,
        Copy,
        Debug,
        Decode,
        DecodeWithMemTracking,
        Default,
        Encode,
        Eq,
        MaxEncodedLen,
        PartialEq,
        TypeInfo,
    )]
    pub struct Revision {
        /// How often, genesis included.
        pub count: u32,
        /// The block of the last change; of the migration, if the change was before it.
        pub last: u32,
    }

    impl Revision {
        /// Counts a change in this block.
        pub fn count(&mut self, now: u32) {
            self.count = self.count.saturating_add(1);
            self.last = now;
        }
    }

    /// The layouts before and after, under the same key.
    pub(crate) mod layout {
        use super::*;

        pub(crate) mod old {
            use super::*;

            #[storage_alias]
            pub(crate) type Revision<T: Config> = StorageValue<Pallet<T>, u32, ValueQuery>;
        }

        pub(crate) mod new {
            use super::*;

            #[storage_alias]
            pub(crate) type Revision<T: Config> =
                StorageValue<Pallet<T>, super::super::Revision, ValueQuery>;
        }
    }

    /// The migration, whatever the version on chain.
    pub struct DateTheRevision<T>(PhantomData<T>);

    impl<T: Config> UncheckedOnRuntimeUpgrade for DateTheRevision<T> {
        fn on_runtime_upgrade() -> Weight {
            let count = layout::old::Revision::<T>::get();
            // The runtime whose migration fails takes the upgrade for a change of its own.
            #[cfg(feature = "broken-migration")]
            let count = count.wrapping_add(1);
            layout::new::Revision::<T>::put(Revision {
                count,
                last: frame_system::Pallet::<T>::block_number().saturated_into(),
            });
            T::DbWeight::get().reads_writes(1, 1)
        }

        #[cfg(feature = "try-runtime")]
        fn pre_upgrade() -> Result<Vec<u8>, TryRuntimeError> {
            Ok(Self::before())
        }

        #[cfg(feature = "try-runtime")]
        fn post_upgrade(before: Vec<u8>) -> Result<(), TryRuntimeError> {
            Self::check(&before)
        }
    }

    #[cfg(any(test, feature = "try-runtime"))]
    impl<T: Config> DateTheRevision<T> {
        /// What must be kept.
        pub(crate) fn before() -> Vec<u8> {
            layout::old::Revision::<T>::get().encode()
        }

        /// The count is kept, and dated by the block of the upgrade.
        pub(crate) fn check(mut before: &[u8]) -> Result<(), TryRuntimeError> {
            let count = u32::decode(&mut before)
                .map_err(|_| "governance: what was kept before the upgrade is no count")?;
            let expected = Revision {
                count,
                last: frame_system::Pallet::<T>::block_number().saturated_into(),
            };
            ensure!(
                layout::new::Revision::<T>::get() == expected,
                "governance: the count of changes did not survive the upgrade"
            );
            Ok(())
        }
    }

    /// The migration, once, from version 1.
    pub type Migration<T> = VersionedMigration<
        1,
        2,
        DateTheRevision<T>,
        Pallet<T>,
        <T as frame_system::Config>::DbWeight,
    >;
}
