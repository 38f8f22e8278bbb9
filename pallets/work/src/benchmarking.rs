//! Benchmarks of the calls, with true seals: the check is most of a share's weight.

use crate::{types::FEATURES_PER_UNIT, *};
use alloc::vec;
use frame::benchmarking::prelude::*;
use quern_work::{
    Dataset, TILE, batch,
    merkle::{self, Tree},
};

/// A task over a dataset of 16 row blocks with `units` × 256 features, all zero, and the leaves' tree.
fn task<T: Config>(units: u32) -> (TaskSpec, Tree) {
    let features = units * FEATURES_PER_UNIT;
    let rows = vec![0i8; TILE * features as usize];
    let leaves = (0..16)
        .map(|block| merkle::rows_leaf(block, &rows, &[0; TILE]))
        .collect();
    let tree = Tree::new(leaves);
    let dataset = Dataset {
        root: tree.root(),
        row_blocks: 16,
        features,
        classes: 10,
    };
    let hidden = vec![256].try_into().unwrap_or_default();
    (
        TaskSpec {
            dataset,
            hidden,
            batch: 128,
            lr_shift: 3,
            lr_every: 0,
            segment: 64,
        },
        tree,
    )
}

/// Rules under which any draw is a share, a task and the caller's run of it.
fn open<T: Config>(units: u32) -> (T::AccountId, RunId, Tree) {
    let (spec, tree) = task::<T>(units);
    CurrentRules::<T>::put(WorkRules {
        noise_rank: 16,
        max_ahead: 4096,
        share_difficulty: 1,
        omega_b: 1 << 32,
        omega_m: 0,
    });
    Tasks::<T>::insert(u32::MAX, spec);
    let caller: T::AccountId = whitelisted_caller();
    let run = Pallet::<T>::insert_run(u32::MAX, caller.clone(), 0).unwrap_or_default();
    (caller, run, tree)
}

#[benchmarks]
mod benchmarks {
    use super::*;

    #[benchmark]
    fn open_run() -> Result<(), BenchmarkError> {
        Tasks::<T>::insert(u32::MAX, task::<T>(1).0);
        let caller: T::AccountId = whitelisted_caller();
        T::Currency::set_balance(&caller, T::RunDeposit::get().saturating_mul(4));

        #[extrinsic_call]
        _(RawOrigin::Signed(caller.clone()), u32::MAX);

        assert_eq!(RunsOf::<T>::get(caller).len(), 1);
        Ok(())
    }

    #[benchmark]
    fn close_run() -> Result<(), BenchmarkError> {
        let (caller, run, _) = open::<T>(1);
        Pallet::<T>::insert_run(u32::MAX, caller.clone(), 0).map_err(<&str>::from)?;

        #[extrinsic_call]
        _(RawOrigin::Signed(caller), run);

        assert!(!Runs::<T>::contains_key(run));
        Ok(())
    }

    /// A share at `u` × 256 features.
    #[benchmark]
    fn submit_proof(u: Linear<1, 16>) -> Result<(), BenchmarkError> {
        let (caller, run, data) = open::<T>(u);
        let strip = vec![0i8; TILE * (u * FEATURES_PER_UNIT) as usize];
        let weights = Tree::new(
            (0..16)
                .map(|block| merkle::rows_leaf(block, &strip, &[]))
                .collect(),
        );
        let seed = Runs::<T>::get(run).map(|run| run.seed).unwrap_or_default();
        let seal = WorkSeal {
            run,
            step: 5,
            tile: (0, 3),
            weights_root: weights.root(),
            a_rows: strip.clone(),
            labels: [0; TILE],
            a_path: data.path(batch::block(&seed, 5, 0, 16) as usize),
            b_rows: strip,
            b_path: weights.path(3),
        };
        let bytes: SealBytes = seal
            .encode()
            .try_into()
            .map_err(|_| BenchmarkError::Stop("the seal is too long"))?;

        #[extrinsic_call]
        _(RawOrigin::Signed(caller), H256::zero(), bytes);

        assert_eq!(Runs::<T>::get(run).map(|run| run.shares), Some(1));
        Ok(())
    }

    /// A checkpoint over `s` segments that each have something vesting.
    #[benchmark]
    fn checkpoint(s: Linear<1, 64>) -> Result<(), BenchmarkError> {
        let (caller, run, _) = open::<T>(1);
        T::Currency::set_balance(&caller, 1_000_000_000_000);
        for segment in 0..u64::from(s) {
            T::Rewards::prepare();
            T::Rewards::vest(run, &caller, segment);
        }

        #[extrinsic_call]
        _(
            RawOrigin::Signed(caller),
            run,
            u64::from(s) * 64,
            H256::zero(),
        );

        assert_eq!(T::Rewards::vesting(run), 0);
        Ok(())
    }

    #[benchmark]
    fn record_seal() -> Result<(), BenchmarkError> {
        let (caller, run, _) = open::<T>(1);
        T::Currency::set_balance(&caller, 1_000_000_000_000);
        T::Rewards::prepare();

        #[extrinsic_call]
        _(RawOrigin::None, run, 7);

        assert_eq!(Runs::<T>::get(run).map(|run| run.seals), Some(1));
        Ok(())
    }
}
