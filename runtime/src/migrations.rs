//! What a release does to the state that it finds.
//!
//! Each own pallet has a storage version. A release that changes a layout raises the pallet's version, and
//! lists here the `VersionedMigration` that leads to it; `try-runtime` runs it on a copy of the live state
//! before anybody votes. Migrations that every chain has behind it are dropped.

/// From the last release to the one after it.
#[cfg(feature = "next")]
pub type Migrations = (pallet_governance::migrations::v2::Migration<crate::Runtime>,);

/// Nothing: every layout is the first.
#[cfg(not(feature = "next"))]
pub type Migrations = ();
