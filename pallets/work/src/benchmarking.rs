//! Benchmarks of the calls, with true seals: the check is most of a share's weight. Runs are of a paid task,
//! whose record is the larger one, and as many steps have sealed as are kept on record.

use crate::{
    types::{FEATURES_PER_UNIT, MAX_PAID_STEPS},
    *,
};
use alloc::vec;
use frame::benchmarking::prelude::*;
use quern_market::{Preferences, Role, claim::MAX_SEGMENTS};
use quern_work::{
    Dataset, TILE, batch,
    merkle::{self, Tree},
};

/// Steps of a segment: every step that seals vests on a segment of its own.
const SEGMENT: u32 = 1;

/// Rank of the noise: sixteen features each.
const RANK: u32 = 16;

/// A task over a dataset of 16 row blocks with `units` × 256 features, all zero, and the leaves' tree.
fn task(units: u32) -> (TaskSpec, Tree) {
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
            segment: SEGMENT,
        },
        tree,
    )
}

/// The caller, a paid task in which it has a seat, its miner ticket, and the data.
fn world<T: Config>(units: u32) -> (T::AccountId, TaskId, TicketId, Tree) {
    let (spec, tree) = task(units);
    NoiseRank::<T>::put(RANK);
    let caller: T::AccountId = whitelisted_caller();
    let ticket = T::Tickets::prepare(&caller, Role::Miner, Preferences::any(1));
    let task = T::Tasks::prepare(spec, &caller, ticket);
    T::Currency::set_balance(&caller, 1_000_000_000_000_000);
    (caller, task, ticket, tree)
}

/// The world with a run of the caller's.
fn open<T: Config>(units: u32) -> Result<(T::AccountId, RunId, Tree), BenchmarkError> {
    let (caller, task, ticket, tree) = world::<T>(units);
    let run = Pallet::<T>::insert_run(task, ticket, caller.clone(), 0)?;
    Ok((caller, run, tree))
}

/// The first `steps` steps of the run have sealed, and a worker share vests on each.
fn vest<T: Config>(run: RunId, steps: u32) {
    for step in 0..u64::from(steps) {
        T::Rewards::prepare();
        Pallet::<T>::record(run, step, [1; 32], 1);
    }
}

/// The longest claim of a run.
fn longest(run: RunId) -> Claim {
    Claim {
        run,
        from: 0,
        to: (MAX_SEGMENTS * SEGMENT).into(),
        state_root: [2; 32],
        trace_root: [3; 32],
        starts_root: [4; 32],
        metric: 5,
    }
}

/// The longest claim of a new run of the author's in a paid task, under audit. Shares vest on as many segments
/// as may be, those after the claim's too: a rejection burns them all.
pub(crate) fn claim_under_audit<T: Config>(author: &T::AccountId, ticket: TicketId) -> Claim {
    NoiseRank::<T>::put(RANK);
    let task = T::Tasks::prepare(task(1).0, author, ticket);
    T::Currency::set_balance(author, 1_000_000_000_000_000);
    let run = Pallet::<T>::insert_run(task, ticket, author.clone(), 0);
    assert!(run.is_ok(), "work: no run");
    let run = run.unwrap_or_default();
    vest::<T>(run, MAX_PAID_STEPS);
    let claim = longest(run);
    Runs::<T>::mutate(run, |run| {
        if let Some(run) = run {
            run.reveal(0, claim.to);
        }
    });
    claim
}

/// Blocks pass, none of which is executed.
fn pass<T: Config>(blocks: u32) {
    let now = frame_system::Pallet::<T>::block_number();
    frame_system::Pallet::<T>::set_block_number(now.saturating_add(blocks.into()));
}

#[benchmarks]
mod benchmarks {
    use super::*;

    #[benchmark]
    fn open_run() -> Result<(), BenchmarkError> {
        let (caller, task, ticket, _) = world::<T>(1);

        #[extrinsic_call]
        _(RawOrigin::Signed(caller.clone()), task, ticket);

        assert_eq!(RunsOf::<T>::get(caller).len(), 1);
        Ok(())
    }

    /// Seals are on record for which nothing vests: nothing is emitted any more once the cap is reached.
    #[benchmark]
    fn close_run() -> Result<(), BenchmarkError> {
        let (caller, run, _) = open::<T>(1)?;
        for step in 0..u64::from(MAX_PAID_STEPS) {
            Pallet::<T>::record(run, step, [1; 32], 1);
        }
        assert_eq!(
            Sealed::<T>::iter_prefix(run).count(),
            MAX_PAID_STEPS as usize
        );

        #[extrinsic_call]
        _(RawOrigin::Signed(caller), run);

        assert!(!Runs::<T>::contains_key(run));
        Ok(())
    }

    /// A share at `u` × 256 features.
    #[benchmark]
    fn submit_proof(u: Linear<1, 16>) -> Result<(), BenchmarkError> {
        let (caller, run, data) = open::<T>(u)?;
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
        let bytes = seal.encode();
        // Any draw is a share.
        let rules = || WorkRules {
            max_ahead: 4096,
            share_difficulty: 1,
            omega_b: 1 << 32,
            ..Pallet::<T>::rules()
        };

        #[block]
        {
            Pallet::<T>::share(&caller, H256::zero(), &bytes, &rules())
                .map_err(DispatchError::from)?;
        }

        assert_eq!(Runs::<T>::get(run).map(|run| run.shares), Some(1));
        Ok(())
    }

    #[benchmark]
    fn commit_claim() -> Result<(), BenchmarkError> {
        let (caller, run, _) = open::<T>(1)?;

        #[extrinsic_call]
        _(RawOrigin::Signed(caller), run, [7; 32]);

        assert!(Runs::<T>::get(run).is_some_and(|run| run.pending.is_some()));
        Ok(())
    }

    #[benchmark]
    fn reveal_claim() -> Result<(), BenchmarkError> {
        let (caller, run, _) = open::<T>(1)?;
        let (claim, salt) = (longest(run), [8; 32]);
        let digest = claim.commitment(caller.as_ref(), &salt);
        Pallet::<T>::commit_claim(RawOrigin::Signed(caller.clone()).into(), run, digest)
            .map_err(|error| error.error)?;
        pass::<T>(1);

        #[extrinsic_call]
        _(RawOrigin::Signed(caller), claim.clone(), salt);

        assert_eq!(Runs::<T>::get(run).map(|run| run.committed), Some(claim.to));
        Ok(())
    }

    #[benchmark]
    fn forfeit() -> Result<(), BenchmarkError> {
        let (caller, run, _) = open::<T>(1)?;
        vest::<T>(run, MAX_PAID_STEPS);
        assert_eq!(
            Sealed::<T>::iter_prefix(run).count(),
            MAX_PAID_STEPS as usize
        );
        pass::<T>(T::ForfeitAfter::get());

        #[extrinsic_call]
        _(RawOrigin::Signed(caller), run);

        assert_eq!(T::Rewards::vesting(run), 0);
        Ok(())
    }

    #[benchmark]
    fn record_seal() -> Result<(), BenchmarkError> {
        let (_, run, _) = open::<T>(1)?;
        vest::<T>(run, MAX_PAID_STEPS - 1);
        T::Rewards::prepare();

        #[extrinsic_call]
        _(
            RawOrigin::None,
            run,
            u64::from(MAX_PAID_STEPS - 1),
            [1; 32],
            [2; 32],
        );

        assert_eq!(
            Runs::<T>::get(run).map(|run| run.paid.len()),
            Some(MAX_PAID_STEPS as usize)
        );
        Ok(())
    }
}
