//! Runs and the arithmetic of their windows, claims and credits, free of storage.

use codec::{Decode, Encode, MaxEncodedLen};
use frame::prelude::{BoundedVec, ConstU32};
use quern_api::PendingClaim;
use quern_market::{AuditId, Claim, TaskId, TicketId};
use quern_work::{Hash, Shape, TILE};
use scale_info::TypeInfo;

/// Most steps that may earn a worker share each between two accepted claims.
pub const MAX_PAID_STEPS: u32 = 256;

/// One execution of a task from a seed, by one owner.
#[derive(Clone, Debug, Decode, Encode, Eq, MaxEncodedLen, PartialEq, TypeInfo)]
pub struct Run<AccountId> {
    /// What is executed.
    pub task: TaskId,
    /// Who may mine it, and is paid.
    pub owner: AccountId,
    /// The miner ticket it was opened with, which answers for its claims.
    pub ticket: TicketId,
    /// Seed of initialisation, batches and rounding.
    pub seed: Hash,
    /// Held from the owner until the run is closed; 0 for runs of genesis.
    pub deposit: u128,
    /// Steps of a segment of the task.
    pub segment: u32,
    /// Steps it is to have; `None` if it has no end.
    pub steps: Option<u64>,
    /// Steps accepted by audits; the window opens here.
    pub accepted: u64,
    /// Steps covered by the last revealed claim, or those accepted if none is under audit; the window
    /// ends [`quern_api::WorkRules::max_ahead`] steps later.
    pub committed: u64,
    /// The claim under way.
    pub pending: Option<PendingClaim>,
    /// State root after `accepted` steps.
    pub state_root: Option<Hash>,
    /// Block since which worker shares have vested without an audit's answer, if any do.
    pub waiting: Option<u32>,
    /// Block of the latest rejection.
    pub rejected: Option<u32>,
    /// The latest step that sealed a block.
    pub last_sealed: Option<u64>,
    /// Steps from the last accepted claim on that have earned a worker share.
    pub paid: BoundedVec<u64, ConstU32<MAX_PAID_STEPS>>,
    /// Step and tile ordinal of the latest share.
    pub last_share: Option<(u64, u32)>,
    /// Block of the latest share.
    pub shared_at: Option<u64>,
    /// MACs credited by seals and shares.
    pub macs: u128,
    /// Blocks sealed.
    pub seals: u64,
    /// Shares accepted.
    pub shares: u64,
}

/// Most bytes of a share that is free of fee: one of about two thousand features.
pub const FREE_SHARE_BYTES: usize = 64 * 1024;

/// Features in one unit of a seal's weight.
pub const FEATURES_PER_UNIT: u32 = 256;

/// Units of weight of a seal of `bytes` bytes: two strips of 16 rows make almost all of it.
pub fn weight_units(bytes: usize) -> u32 {
    let unit = 2 * TILE * FEATURES_PER_UNIT as usize;
    u32::try_from(bytes.div_ceil(unit)).unwrap_or(u32::MAX)
}

/// What a recorded seal earns.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Earns {
    /// The worker share vests until a claim over the step is accepted.
    Vesting,
    /// No worker share: the step has sealed before, too many have since the last accepted claim, its
    /// claim is under audit or accepted already, or the seal was made before a rejection was known.
    Nothing,
}

/// Why a claim can't be revealed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ClaimError {
    /// No commitment waits for it.
    NotCommitted,
    /// The commitment is in this block.
    TooEarly,
    /// The commitment has expired.
    TooLate,
    /// The commitment is to another claim.
    AnotherClaim,
    /// It does not begin where the last accepted claim ended.
    NotTheNext,
    /// It does not cover a number of whole segments that a claim may have.
    NotWholeSegments,
    /// It ends outside the window, or after the run's last step.
    OutsideWindow,
}

impl<AccountId> Run<AccountId> {
    /// A run at its start.
    pub fn new(
        task: TaskId,
        owner: AccountId,
        ticket: TicketId,
        seed: Hash,
        (segment, steps): (u32, Option<u64>),
        deposit: u128,
    ) -> Self {
        Self {
            task,
            owner,
            ticket,
            seed,
            deposit,
            segment,
            steps,
            accepted: 0,
            committed: 0,
            pending: None,
            state_root: None,
            waiting: None,
            rejected: None,
            last_sealed: None,
            paid: BoundedVec::new(),
            last_share: None,
            shared_at: None,
            macs: 0,
            seals: 0,
            shares: 0,
        }
    }

    /// Steps that the window reaches past the committed ones: `max_ahead`, but at least a segment, or no
    /// claim could be made once the limit falls below it.
    pub fn ahead(&self, max_ahead: u64) -> u64 {
        max_ahead.max(self.segment.into())
    }

    /// Whether `step` may be mined now: `accepted ≤ step < committed + ahead`, and below the run's end.
    pub fn admits(&self, step: u64, max_ahead: u64) -> bool {
        step >= self.accepted
            && step < self.committed.saturating_add(self.ahead(max_ahead))
            && self.steps.is_none_or(|end| step < end)
    }

    /// Segment of a step.
    pub fn segment_of(&self, step: u64) -> u64 {
        step / u64::from(self.segment).max(1)
    }

    /// Whether a step that no accepted claim covers yet has sealed a block or made a share.
    pub fn has_open_work(&self) -> bool {
        let shared = self.last_share.map(|(step, _)| step);
        self.last_sealed.max(shared) >= Some(self.accepted)
    }

    /// Steps the run has shown or claimed.
    fn shown(&self) -> u64 {
        let sealed = self.last_sealed.map_or(0, |step| step.saturating_add(1));
        let shared = self
            .last_share
            .map_or(0, |(step, _)| step.saturating_add(1));
        self.committed.max(sealed).max(shared)
    }

    /// Credits `macs`, but never more than the products of the steps shown so far contain.
    fn credit(&mut self, macs: u128, shape: &Shape) {
        let contained = u128::from(self.shown()).saturating_mul(shape.product_macs().into());
        self.macs = self.macs.saturating_add(macs).min(contained).max(self.macs);
    }

    /// Records in block `now` that `step` sealed the block before, which cost `macs`.
    ///
    /// A step under audit earns nothing, or it could seal under false weights once the audit's segments are
    /// drawn. A seal was checked at the state before its own block, so it may be older than what that block
    /// did: nor does a step earn that the block accepted, whose weights no audit has compared, and nothing
    /// vests anew on what it saw rejected.
    pub fn seal(&mut self, step: u64, macs: u128, shape: &Shape, now: u32) -> Earns {
        self.seals = self.seals.saturating_add(1);
        self.last_sealed = self.last_sealed.max(Some(step));
        self.credit(macs, shape);
        let audited = step < self.committed;
        let outdated = self
            .rejected
            .is_some_and(|block| now <= block.saturating_add(1));
        if audited || outdated || self.paid.contains(&step) || self.paid.try_push(step).is_err() {
            Earns::Nothing
        } else {
            self.waiting.get_or_insert(now);
            Earns::Vesting
        }
    }

    /// Records a share made in block `number`; `None`, and nothing changed, unless it is later than
    /// the last one. Otherwise, whether it is the run's first in that block.
    pub fn share(
        &mut self,
        at: (u64, u32),
        number: u64,
        macs: u128,
        shape: &Shape,
    ) -> Option<bool> {
        if self.last_share.is_some_and(|last| at <= last) {
            return None;
        }
        self.last_share = Some(at);
        self.shares = self.shares.saturating_add(1);
        self.credit(macs, shape);
        Some(self.shared_at.replace(number) != Some(number))
    }

    /// Whether a claim is under audit, or may still be revealed in block `now`, `within` blocks after
    /// its commitment at most.
    pub fn has_claim(&self, now: u32, within: u32) -> bool {
        match &self.pending {
            None => false,
            Some(PendingClaim::Committed { at, .. }) => now <= at.saturating_add(within),
            Some(PendingClaim::Revealed { .. }) => true,
        }
    }

    /// Takes a commitment to a claim.
    pub fn commit(&mut self, commitment: Hash, at: u32) {
        self.pending = Some(PendingClaim::Committed { commitment, at });
    }

    /// Segments of a claim whose commitment is `digest`, if it may be revealed in block `now`, `within`
    /// blocks after the commitment at most.
    ///
    /// # Errors
    /// The first rule that does not hold.
    pub fn check_claim(
        &self,
        claim: &Claim,
        digest: Hash,
        now: u32,
        within: u32,
        max_ahead: u64,
    ) -> Result<u32, ClaimError> {
        let Some(PendingClaim::Committed { commitment, at }) = &self.pending else {
            return Err(ClaimError::NotCommitted);
        };
        let ends = claim.to <= self.committed.saturating_add(self.ahead(max_ahead))
            && self.steps.is_none_or(|end| claim.to <= end);
        let rules = [
            (now > *at, ClaimError::TooEarly),
            (now <= at.saturating_add(within), ClaimError::TooLate),
            (*commitment == digest, ClaimError::AnotherClaim),
            (claim.from == self.accepted, ClaimError::NotTheNext),
            (ends, ClaimError::OutsideWindow),
        ];
        match rules.into_iter().find(|(holds, _)| !holds) {
            Some((_, error)) => Err(error),
            None => claim
                .segments(self.segment)
                .ok_or(ClaimError::NotWholeSegments),
        }
    }

    /// Records that a claim of the steps before `to` is under audit.
    pub fn reveal(&mut self, audit: AuditId, to: u64) {
        self.committed = to;
        self.pending = Some(PendingClaim::Revealed { audit, to });
    }

    /// Records in block `now` that the state after `to` steps has this root. `vests` is whether worker
    /// shares of later steps still vest.
    pub fn accept(&mut self, to: u64, state_root: Hash, vests: bool, now: u32) {
        self.paid.retain(|step| *step >= to);
        self.accepted = to;
        self.committed = to;
        self.pending = None;
        self.state_root = Some(state_root);
        self.waiting = vests.then_some(now);
    }

    /// Records that the claim under audit was rejected in block `now`, and all that vested is burnt.
    pub fn reject(&mut self, now: u32) {
        self.rejected = Some(now);
        self.lapse(now);
        self.waiting = None;
    }

    /// Records that the claim under audit counts for nothing; the time for the next begins anew.
    pub fn lapse(&mut self, now: u32) {
        self.committed = self.accepted;
        self.pending = None;
        self.waiting = self.waiting.map(|_| now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SHAPE: Shape = Shape {
        m: 64,
        n: 48,
        k: 512,
        r: 32,
    };
    const STEP: u128 = 64 * 48 * 512;
    const NOW: u32 = 50;

    /// A run of 1024 steps in segments of 8, of which 64 are accepted.
    fn run() -> Run<u8> {
        Run {
            accepted: 64,
            committed: 64,
            ..Run::new(0, 1, 2, [0; 32], (8, Some(1024)), 0)
        }
    }

    fn seal(run: &mut Run<u8>, step: u64) -> Earns {
        run.seal(step, 1, &SHAPE, NOW)
    }

    fn claim(from: u64, to: u64) -> Claim {
        Claim {
            run: 0,
            from,
            to,
            state_root: [1; 32],
            trace_root: [2; 32],
            starts_root: [4; 32],
            metric: 3,
        }
    }

    #[test]
    fn the_window_opens_at_the_accepted_step_and_ends_after_the_committed_one() {
        let mut run = run();
        assert!(!run.admits(63, 128));
        assert!(run.admits(64, 128) && run.admits(191, 128));
        assert!(!run.admits(192, 128) && !run.admits(u64::MAX, 128));
        run.reveal(7, 128);
        assert!(run.admits(64, 128) && run.admits(255, 128) && !run.admits(256, 128));
        run.accept(128, [1; 32], false, NOW);
        assert!(!run.admits(127, 128) && run.admits(255, 128) && !run.admits(256, 128));
    }

    #[test]
    fn the_window_ends_with_the_run() {
        let mut run = run();
        assert!(run.admits(1023, 4096) && !run.admits(1024, 4096));
        run.steps = None;
        assert!(run.admits(1024, 4096));
    }

    #[test]
    fn a_step_earns_once_in_whatever_order_steps_seal() {
        let mut run = run();
        assert_eq!(seal(&mut run, 70), Earns::Vesting);
        assert_eq!(seal(&mut run, 70), Earns::Nothing);
        assert_eq!(seal(&mut run, 69), Earns::Vesting);
        assert_eq!((run.last_sealed, run.seals), (Some(70), 3));
    }

    #[test]
    fn a_step_that_its_own_block_accepts_earns_nothing() {
        let mut run = run();
        seal(&mut run, 70);
        seal(&mut run, 130);
        run.reveal(7, 128);
        run.accept(128, [1; 32], false, NOW);
        assert_eq!(*run.paid, [130]);
        for step in [70, 71, 127] {
            assert_eq!(seal(&mut run, step), Earns::Nothing);
        }
        assert_eq!(seal(&mut run, 128), Earns::Vesting);
    }

    #[test]
    fn a_step_under_audit_earns_nothing_but_may_later_if_the_claim_lapses() {
        let mut run = run();
        run.reveal(7, 128);
        assert_eq!(seal(&mut run, 70), Earns::Nothing);
        assert_eq!(seal(&mut run, 128), Earns::Vesting);
        run.lapse(NOW);
        assert_eq!(seal(&mut run, 70), Earns::Vesting);
    }

    #[test]
    fn what_a_rejection_burnt_never_earns_again_and_seals_older_than_it_earn_nothing() {
        let mut run = run();
        seal(&mut run, 70);
        run.reveal(7, 128);
        run.reject(NOW);
        assert_eq!((run.committed, run.waiting), (64, None));
        assert_eq!(run.seal(71, 1, &SHAPE, NOW), Earns::Nothing);
        assert_eq!(run.seal(72, 1, &SHAPE, NOW + 1), Earns::Nothing);
        assert_eq!(run.seal(70, 1, &SHAPE, NOW + 2), Earns::Nothing);
        assert_eq!(run.seal(71, 1, &SHAPE, NOW + 2), Earns::Vesting);
    }

    #[test]
    fn steps_beyond_the_record_earn_nothing_until_a_claim_is_accepted() {
        let mut run = run();
        let many = u64::from(MAX_PAID_STEPS);
        assert!((64..64 + many).all(|step| seal(&mut run, step) == Earns::Vesting));
        assert_eq!(seal(&mut run, 64 + many), Earns::Nothing);
        run.accept(64 + many, [1; 32], false, NOW);
        assert_eq!(seal(&mut run, 64 + many), Earns::Vesting);
    }

    #[test]
    fn work_is_open_until_an_accepted_claim_covers_it() {
        let mut run = run();
        assert!(!run.has_open_work());
        seal(&mut run, 63);
        assert!(!run.has_open_work());
        run.share((64, 0), 1, 1, &SHAPE);
        assert!(run.has_open_work());
        run.reveal(7, 128);
        assert!(run.has_open_work());
        run.accept(128, [1; 32], false, NOW);
        assert!(!run.has_open_work());
        seal(&mut run, 128);
        assert!(run.has_open_work());
    }

    #[test]
    fn the_clock_of_forfeiture_starts_with_what_vests_and_anew_with_every_answer() {
        let mut run = run();
        assert_eq!(run.waiting, None);
        run.seal(64, 1, &SHAPE, 10);
        run.seal(65, 1, &SHAPE, 11);
        assert_eq!(run.waiting, Some(10));
        run.lapse(20);
        assert_eq!(run.waiting, Some(20));
        run.accept(72, [1; 32], true, 30);
        assert_eq!(run.waiting, Some(30));
        run.accept(80, [1; 32], false, 40);
        assert_eq!(run.waiting, None);
        run.lapse(50);
        assert_eq!(run.waiting, None);
    }

    #[test]
    fn a_claim_is_revealed_after_its_commitments_block_and_before_it_expires() {
        let mut run = run();
        let (digest, good) = ([9; 32], claim(64, 128));
        let check =
            |run: &Run<u8>, claim, digest, now| run.check_claim(claim, digest, now, 100, 128);
        assert_eq!(check(&run, &good, digest, 2), Err(ClaimError::NotCommitted));
        run.commit(digest, 1);
        assert_eq!(check(&run, &good, digest, 1), Err(ClaimError::TooEarly));
        assert_eq!(check(&run, &good, digest, 2), Ok(8));
        assert_eq!(check(&run, &good, digest, 101), Ok(8));
        assert!(run.has_claim(101, 100) && !run.has_claim(102, 100));
        assert_eq!(check(&run, &good, digest, 102), Err(ClaimError::TooLate));
        let other = Err(ClaimError::AnotherClaim);
        assert_eq!(check(&run, &good, [8; 32], 2), other);
        run.reveal(7, 128);
        assert!(run.has_claim(u32::MAX, 100));
        assert_eq!(check(&run, &good, digest, 2), Err(ClaimError::NotCommitted));
    }

    #[test]
    fn a_claim_covers_the_next_whole_segments_of_the_window() {
        let mut run = run();
        run.commit([9; 32], 1);
        let check = |claim| run.check_claim(&claim, [9; 32], 2, 100, 128);
        assert_eq!(check(claim(64, 192)), Ok(16));
        assert_eq!(check(claim(64, 72)), Ok(1));
        assert_eq!(check(claim(56, 72)), Err(ClaimError::NotTheNext));
        assert_eq!(check(claim(64, 200)), Err(ClaimError::OutsideWindow));
        for to in [0, 64, 70] {
            assert_eq!(check(claim(64, to)), Err(ClaimError::NotWholeSegments));
        }
        let last = Run {
            accepted: 1016,
            committed: 1016,
            ..run.clone()
        };
        let check = |claim| last.check_claim(&claim, [9; 32], 2, 100, 128);
        assert_eq!(check(claim(1016, 1024)), Ok(1));
        let beyond = claim(1016, 1032);
        assert_eq!(check(beyond), Err(ClaimError::OutsideWindow));
    }

    #[test]
    fn shares_come_in_order_and_the_first_of_a_block_is_known() {
        let mut run = run();
        assert_eq!(run.share((70, 3), 9, 1, &SHAPE), Some(true));
        assert_eq!(run.share((70, 3), 9, 1, &SHAPE), None);
        assert_eq!(run.share((69, 9), 9, 1, &SHAPE), None);
        assert_eq!(run.share((70, 4), 9, 1, &SHAPE), Some(false));
        assert_eq!(run.share((71, 0), 10, 1, &SHAPE), Some(true));
        assert_eq!(run.shares, 3);
    }

    #[test]
    fn credit_never_exceeds_the_steps_shown() {
        let mut run = run();
        run.seal(64, u128::MAX, &SHAPE, NOW);
        assert_eq!(run.macs, 65 * STEP);
        run.share((65, 0), 1, 1, &SHAPE);
        assert_eq!(run.macs, 65 * STEP + 1);
        run.share((65, 1), 1, u128::MAX, &SHAPE);
        assert_eq!(run.macs, 66 * STEP);
    }

    proptest! {
        /// Whatever seals and answers come, accepted steps never go back, and no step earns twice.
        #[test]
        fn accepted_steps_grow_and_no_step_earns_twice(
            ops in prop::collection::vec((0..5u8, 0..40u64), 1..200),
        ) {
            let mut run = Run { accepted: 0, committed: 0, ..run() };
            let mut earned: Vec<u64> = Vec::new();
            for (now, (op, x)) in (0..).zip(ops) {
                let before = run.accepted;
                match op {
                    0 | 1 => {
                        let step = run.accepted + x;
                        if run.admits(step, 64) && run.seal(step, 1, &SHAPE, now) != Earns::Nothing {
                            prop_assert!(!earned.contains(&step));
                            earned.push(step);
                        }
                    }
                    2 => run.reveal(0, run.accepted + 8),
                    3 if run.committed > run.accepted => run.accept(run.committed, [0; 32], true, now),
                    4 if run.committed > run.accepted => run.reject(now),
                    _ => run.lapse(now),
                }
                prop_assert!(run.accepted >= before && run.committed >= run.accepted);
            }
        }
    }
}
