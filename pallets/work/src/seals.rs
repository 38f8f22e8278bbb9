//! The check of seals and shares, and what a recorded seal earns.

use crate::*;
use quern_work::{Shape, SignedSeal, Terms, target};

impl<T: Config> Pallet<T> {
    /// Checks the bytes of a seal at this difficulty, cheapest rule first.
    ///
    /// Returns the seal, its run and the run's task.
    pub fn check_seal(
        genesis: H256,
        pre_hash: H256,
        author: &T::AccountId,
        seal: &[u8],
        rules: &WorkRules,
        difficulty: u128,
    ) -> Result<(WorkSeal, Run<T::AccountId>, TaskSpec), SealError> {
        let seal = WorkSeal::decode_strict(seal)?;
        let (run, spec) = Self::authors_run(seal.run, author)?;
        Self::check_work(genesis, pre_hash, &seal, &run, &spec, rules, difficulty)?;
        Ok((seal, run, spec))
    }

    /// The check that importers of a block on top of this state make: of the bytes of a
    /// [`SignedSeal`], its signature before its work.
    pub fn verify_seal(
        genesis: H256,
        pre_hash: H256,
        author: &T::AccountId,
        seal: &[u8],
        difficulty: u128,
    ) -> Result<(), SealError> {
        let rules = Self::rules_in_force().ok_or(SealError::UnknownRun)?;
        let signed = SignedSeal::decode_strict(seal)?;
        let (run, spec) = Self::authors_run(signed.seal.run, author)?;
        let owner = (*run.owner.as_ref()).into();
        quern_api::verify_signature(&signed, &owner, &genesis.0, &pre_hash.0)?;
        Self::check_work(
            genesis,
            pre_hash,
            &signed.seal,
            &run,
            &spec,
            &rules,
            difficulty,
        )
    }

    /// An open run of `author` with its task.
    fn authors_run(
        run: RunId,
        author: &T::AccountId,
    ) -> Result<(Run<T::AccountId>, TaskSpec), SealError> {
        let run = Runs::<T>::get(run).ok_or(SealError::UnknownRun)?;
        let spec = T::Tasks::spec(run.task).ok_or(SealError::UnknownRun)?;
        ensure!(run.owner == *author, SealError::NotTheAuthor);
        Ok((run, spec))
    }

    /// Checks the step and the work of a seal of this run, whose owner is the author.
    fn check_work(
        genesis: H256,
        pre_hash: H256,
        seal: &WorkSeal,
        run: &Run<T::AccountId>,
        spec: &TaskSpec,
        rules: &WorkRules,
        difficulty: u128,
    ) -> Result<(), SealError> {
        ensure!(
            run.admits(seal.step, rules.max_ahead),
            SealError::StepOutsideWindow
        );
        let terms = Terms {
            genesis: genesis.0,
            pre_hash: pre_hash.0,
            author: *run.owner.as_ref(),
            run_seed: run.seed,
            shape: spec.lottery_shape(rules.noise_rank),
            dataset_root: spec.dataset.root,
            row_blocks: spec.dataset.row_blocks,
            difficulty,
            allowance: target::allowance(
                rules.omega_b,
                rules.omega_m,
                spec.batch,
                spec.parameters(),
            ),
        };
        quern_work::verify(seal, &terms)
    }

    /// Credits the author's run with a draw that met the share target of these rules. Whether it is the
    /// run's first share in this block.
    pub(crate) fn share(
        author: &T::AccountId,
        pre_hash: H256,
        seal: &[u8],
        rules: &WorkRules,
    ) -> Result<bool, Error<T>> {
        let genesis = frame_system::Pallet::<T>::block_hash(BlockNumberFor::<T>::zero());
        let target = rules.share_difficulty;
        let (seal, mut run, spec) =
            Self::check_seal(genesis, pre_hash, author, seal, rules, target)?;
        let shape = spec.lottery_shape(rules.noise_rank);
        // A checked tile's ordinal is below its allowance, a u32.
        let at = (seal.step, shape.ordinal(seal.tile).saturated_into());
        let number = frame_system::Pallet::<T>::block_number().saturated_into();
        let first = run
            .share(at, number, target, &shape)
            .ok_or(Error::<T>::ShareOutOfOrder)?;
        Runs::<T>::insert(seal.run, run);
        Self::deposit_event(Event::Shared {
            run: seal.run,
            step: seal.step,
        });
        Ok(first)
    }

    /// Credits a run with the step that sealed the parent block; nothing happens if the parent closed it.
    pub(crate) fn record(run: RunId, step: u64, weights_root: Hash, macs: u128) {
        let Some((mut sealed, shape)) = Self::resolve(run) else {
            return;
        };
        if sealed.seal(step, macs, &shape, Self::now()) == Earns::Vesting {
            T::Rewards::vest(run, &sealed.owner, sealed.segment_of(step));
            Sealed::<T>::insert(run, step, weights_root);
        }
        Runs::<T>::insert(run, sealed);
    }

    /// The run and the shape of its products.
    fn resolve(run: RunId) -> Option<(Run<T::AccountId>, Shape)> {
        let found = Runs::<T>::get(run)?;
        let rules = Self::rules_in_force()?;
        let shape = T::Tasks::spec(found.task)?.lottery_shape(rules.noise_rank);
        Some((found, shape))
    }
}
