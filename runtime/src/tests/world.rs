//! A small chain with every role, driven block by block, and honest training to make claims with.

use super::{config, open_block, open_block_with};
use crate::{money::*, *};
use polkadot_sdk::{
    frame_support::traits::OnFinalize,
    sp_genesis_builder,
    sp_io::TestExternalities,
    sp_keyring::{Ed25519Keyring, Sr25519Keyring},
    sp_keystore::{KeystoreExt, testing::MemoryKeystore},
    sp_runtime::{BuildStorage, DispatchResult},
};
use quern_api::market::{AuditInfo, SeatInfo, TaskInfo};
use quern_market::{
    AuditId, AuditVote, Claim, EvaluationVote, Executed, Order, Role, Score, SegmentResult,
    claim::{steps_tree, trace_tree},
    vote::{self, Question},
};
use quern_training::{Dataset, State, weights_tree};
use quern_work::{Hash, TaskSpec};

pub(super) use polkadot_sdk::sp_keyring::Sr25519Keyring::{
    Alice, AliceStash, Bob, BobStash, Charlie, Dave, Eve, Ferdie,
};

/// Who holds what at genesis: ids in order. Alice's miner ticket 0 and run 0 keep the commons.
pub(super) const TICKETS: [(Sr25519Keyring, Role); 9] = [
    (Alice, Role::Miner),
    (Bob, Role::Miner),
    (Charlie, Role::Miner),
    (Dave, Role::Verifier),
    (Eve, Role::Verifier),
    (Ferdie, Role::Verifier),
    (AliceStash, Role::Evaluator),
    (BobStash, Role::Supervisor),
    (AliceStash, Role::Supervisor),
];

/// Who pays for training.
pub(super) const CLIENT: Sr25519Keyring = Sr25519Keyring::CharlieStash;

/// Steps of a segment.
pub(super) const SEGMENT: u64 = 4;

/// 64 rows of 64 features in two classes, which differ in their first half.
pub(super) fn rows(salt: u32) -> Dataset {
    let y: Vec<u16> = (0..64u16).map(|row| row % 2).collect();
    let x = (0..64 * 64u32)
        .map(|i| {
            let noise = (i.wrapping_add(salt).wrapping_mul(2_654_435_761) >> 28) as i8;
            let lit = (i / 64) % 2 == u32::from(i % 64 < 32);
            noise + if lit { 40 } else { 0 }
        })
        .collect();
    Dataset::new(x, y, 64, 2).unwrap()
}

/// A 64-16-2 network.
pub(super) fn spec() -> TaskSpec {
    TaskSpec {
        dataset: rows(0).commitment(),
        hidden: vec![16].try_into().unwrap(),
        batch: 16,
        lr_shift: 3,
        lr_every: 0,
        segment: SEGMENT as u32,
    }
}

/// What the client orders: 8 steps by two miners, scored by one evaluator.
pub(super) fn order() -> Order {
    Order {
        name: b"stripes".to_vec().try_into().unwrap(),
        spec: spec(),
        held_out: rows(9).commitment(),
        steps: 2 * SEGMENT,
        workers: 2,
        evaluators: 1,
        target: 500_000,
        deadline: 1_000,
        gpu: false,
        contact: Default::default(),
    }
}

pub(super) const FEE: Balance = 100 * QRN;

/// What a drawn verifier is asked.
pub(super) struct Asked<'a> {
    /// The drawn segments.
    pub(super) drawn: &'a [u32],
    audit: AuditId,
    redraws: u32,
    voter: [u8; 32],
}

impl<'a> Asked<'a> {
    pub(super) fn new(audit: &AuditInfo, seat: &'a SeatInfo) -> Self {
        Self {
            drawn: &seat.segments,
            audit: audit.id,
            redraws: audit.redraws,
            voter: seat.voter.clone().into(),
        }
    }

    /// The step of a segment that it is to open.
    fn step(&self, segment: u32) -> usize {
        let question = Question {
            audit: self.audit,
            redraws: self.redraws,
            voter: &self.voter,
        };
        question.step(segment, SEGMENT as u32) as usize
    }
}

/// The chain, between two blocks' extrinsics.
pub(super) struct World {
    pub(super) block: BlockNumber,
}

/// Runs `test` in block 1 of the small chain; every pallet's invariants must hold afterwards.
pub(super) fn with_world(test: impl FnOnce(&mut World)) {
    with_tickets(&TICKETS, test);
}

/// As [`with_world`], with these tickets, and one of a supervisor with session keys if there is none.
pub(super) fn with_tickets(tickets: &[(Sr25519Keyring, Role)], test: impl FnOnce(&mut World)) {
    with_genesis(tickets, |_| (), test);
}

/// As [`with_tickets`], of a genesis that `change` has changed.
pub(super) fn with_genesis(
    tickets: &[(Sr25519Keyring, Role)],
    change: impl FnOnce(&mut RuntimeGenesisConfig),
    test: impl FnOnce(&mut World),
) {
    run(&mut externalities(tickets, change), test);
}

/// State and keystore at such a genesis.
pub(super) fn externalities(
    tickets: &[(Sr25519Keyring, Role)],
    change: impl FnOnce(&mut RuntimeGenesisConfig),
) -> TestExternalities {
    let mut genesis = config(sp_genesis_builder::DEV_RUNTIME_PRESET);
    // Somebody must be able to validate.
    let validator = (BobStash, Role::Supervisor);
    let missing = (!tickets.contains(&validator)).then_some(&validator);
    genesis.tickets.tickets = tickets
        .iter()
        .chain(missing)
        .map(|(owner, role)| (owner.to_account_id(), *role, 10 * QRN, 4))
        .collect();
    let grandpa = Ed25519Keyring::BobStash.public().into();
    let validator = validator.0.to_account_id();
    let keys = opaque::SessionKeys { grandpa };
    genesis
        .session
        .keys
        .push((validator.clone(), validator, keys));
    genesis.tasks.commons = vec![spec()];
    genesis.work.noise_rank = quern_api::MIN_NOISE_RANK;
    genesis.work.runs = vec![(Alice.to_account_id(), 0, 0)];
    change(&mut genesis);
    let mut externalities = TestExternalities::new(genesis.build_storage().unwrap());
    externalities.register_extension(KeystoreExt::new(MemoryKeystore::new()));
    externalities
}

/// Runs `test` in block 1; every pallet's invariants must hold afterwards.
pub(super) fn run(externalities: &mut TestExternalities, test: impl FnOnce(&mut World)) {
    externalities.execute_with(|| {
        let mut world = World { block: 1 };
        open_block(1);
        test(&mut world);
        check();
    });
}

/// Every invariant of ours.
pub(super) fn check() {
    pallet_work::Pallet::<Runtime>::do_try_state().unwrap();
    pallet_tasks::Pallet::<Runtime>::do_try_state().unwrap();
    pallet_tickets::Pallet::<Runtime>::do_try_state().unwrap();
    pallet_audits::Pallet::<Runtime>::do_try_state().unwrap();
    pallet_reputation::Pallet::<Runtime>::do_try_state().unwrap();
    pallet_rewards::Pallet::<Runtime>::do_try_state().unwrap();
}

pub(super) fn signed(who: Sr25519Keyring) -> RuntimeOrigin {
    RuntimeOrigin::signed(who.to_account_id())
}

pub(super) fn key_of(account: &AccountId) -> Sr25519Keyring {
    Sr25519Keyring::from_account_id(account).unwrap()
}

impl World {
    /// Ends the block, and opens the next one.
    pub(super) fn next(&mut self) {
        AllPalletsWithSystem::on_finalize(self.block);
        self.block += 1;
        open_block(self.block);
    }

    /// Ends the block; the next one records that it was sealed by this step under these weights.
    pub(super) fn sealed(&mut self, run: u64, step: u64, weights_root: Hash) {
        AllPalletsWithSystem::on_finalize(self.block);
        self.block += 1;
        let luck = [self.block as u8; 32];
        open_block_with(self.block, || {
            Work::record_seal(RuntimeOrigin::none(), run, step, weights_root, luck).unwrap();
        });
    }

    pub(super) fn skip(&mut self, blocks: u32) {
        (0..blocks).for_each(|_| self.next());
    }

    /// Waits for something, at most 100 blocks.
    pub(super) fn until<T>(&mut self, what: &str, check: impl Fn() -> Option<T>) -> T {
        for _ in 0..100 {
            if let Some(found) = check() {
                return found;
            }
            self.next();
        }
        panic!("{what} did not come about");
    }

    /// Commits to the claim, and reveals it a block later.
    pub(super) fn claim(&mut self, author: Sr25519Keyring, claim: &Claim) -> DispatchResult {
        let salt = [5; 32];
        let digest = claim.commitment(&author.to_account_id().into(), &salt);
        Work::commit_claim(signed(author), claim.run, digest).map_err(|error| error.error)?;
        self.next();
        Work::reveal_claim(signed(author), claim.clone(), salt)
            .map(|_| ())
            .map_err(|error| error.error)
    }

    /// The audit under way on a run, once its verifiers are drawn.
    pub(super) fn audit_of(&mut self, run: u64) -> AuditInfo {
        self.until("a drawn audit", || {
            let pending = Work::run_info(run)?.pending?;
            let quern_api::PendingClaim::Revealed { audit, .. } = pending else {
                return None;
            };
            Audits::audit_info(audit).filter(|audit| audit.ballot.is_some())
        })
    }

    /// Every drawn verifier votes as `answer` says, `None` for not at all; the audit then ends.
    pub(super) fn vote(
        &mut self,
        audit: &AuditInfo,
        answer: impl Fn(Sr25519Keyring, &Asked<'_>) -> Option<AuditVote>,
    ) {
        let votes: Vec<(Sr25519Keyring, AuditVote, Hash)> = audit
            .ballot
            .iter()
            .flat_map(|ballot| &ballot.seats)
            .filter_map(|seat| {
                let voter = key_of(&seat.voter);
                let vote = answer(voter, &Asked::new(audit, seat))?;
                Some((voter, vote, [voter as u8; 32]))
            })
            .collect();
        for (voter, vote, salt) in &votes {
            let account = voter.to_account_id().into();
            let digest = vote::commitment(audit.id, &account, vote, salt);
            Audits::commit_vote(signed(*voter), audit.id, digest).unwrap();
        }
        for _ in 0..200 {
            let open = Audits::audit_info(audit.id).and_then(|audit| audit.ballot);
            match open {
                Some(ballot) if ballot.reveals => break,
                Some(_) => self.next(),
                None => return,
            }
        }
        // What is told is told of the next block; with all digests in, it holds for this one too.
        if audit
            .ballot
            .as_ref()
            .is_some_and(|ballot| ballot.seats.len() > votes.len())
        {
            self.next();
        }
        for (voter, vote, salt) in votes {
            Audits::reveal_vote(signed(voter), audit.id, Box::new(vote), salt).unwrap();
        }
        self.until("the audit's end", || {
            let same = Audits::audit_info(audit.id).filter(|now| now.redraws == audit.redraws);
            same.is_none().then_some(())
        });
    }

    /// Submits [`order`] and waits for its miners.
    pub(super) fn assigned(&mut self, order: Order) -> TaskInfo {
        Tasks::pay_for_task(signed(CLIENT), Box::new(order), FEE).unwrap();
        let task = self.last_task();
        self.until("miners", || {
            Tasks::task_info(task).filter(|task| !task.miners.is_empty())
        })
    }

    pub(super) fn last_task(&self) -> u32 {
        Tasks::tasks(u32::MAX, 1)[0].id
    }

    /// Opens the run of every assigned miner; trainings in the miners' order.
    pub(super) fn start(&mut self, task: &TaskInfo) -> Vec<(Sr25519Keyring, Training)> {
        task.miners
            .iter()
            .map(|miner| {
                let owner = key_of(&miner.owner);
                Work::open_run(signed(owner), task.id, miner.ticket).unwrap();
                let runs = Work::runs_of(&miner.owner);
                let run = runs.iter().find(|run| run.task == task.id).unwrap();
                (owner, Training::new(run.id, run.seed, &task.spec))
            })
            .collect()
    }

    /// Scores both votes of the evaluation with what `answer` gives.
    pub(super) fn evaluate(&mut self, task: u32, vote: &EvaluationVote) {
        let ballot = self.until("evaluators", || Tasks::task_info(task)?.evaluation);
        for seat in &ballot.seats {
            let digest = vote::commitment(task.into(), &seat.voter.clone().into(), vote, &[3; 32]);
            Tasks::commit_scores(signed(key_of(&seat.voter)), task, digest).unwrap();
        }
        for seat in &ballot.seats {
            Tasks::reveal_scores(signed(key_of(&seat.voter)), task, vote.clone(), [3; 32]).unwrap();
        }
    }
}

/// Honest training of one run, every segment kept.
pub(super) struct Training {
    pub(super) run: u64,
    seed: Hash,
    spec: TaskSpec,
    data: Dataset,
    /// States at segment boundaries, the initial one first.
    states: Vec<State>,
    results: Vec<SegmentResult>,
    /// Weights root with which each step began.
    weights: Vec<Hash>,
}

impl Training {
    pub(super) fn new(run: u64, seed: Hash, spec: &TaskSpec) -> Self {
        let initial = State::initial(&spec.sizes(), &seed).unwrap();
        Self {
            run,
            seed,
            spec: spec.clone(),
            data: rows(0),
            states: vec![initial],
            results: Vec::new(),
            weights: Vec::new(),
        }
    }

    /// Trains one segment.
    pub(super) fn segment(&mut self) {
        let start = self.states[self.states.len() - 1].clone();
        let mut state = start.clone();
        let first = self.weights.len();
        let mut correct = 0;
        for _ in 0..SEGMENT {
            let bt = state.first_operand_transposed();
            self.weights
                .push(weights_tree(&bt, state.features()).root());
            let (x, y) = self.data.batch(&self.seed, state.step, self.spec.batch);
            let answers = state.predict(&x).unwrap();
            correct += answers.iter().zip(&y).filter(|(a, b)| a == b).count() as u32;
            let rate = self.spec.lr_shift_at(state.step);
            state.train_step(&self.seed, rate, &x, &y).unwrap();
        }
        self.results.push(SegmentResult {
            start_root: start.root(),
            state_root: state.root(),
            steps_root: steps_tree(&self.weights[first..]).root(),
            correct,
        });
        self.states.push(state);
    }

    /// Weights root with which a step began.
    pub(super) fn weights(&self, step: u64) -> Hash {
        self.weights[step as usize]
    }

    /// Right answers on held-out rows.
    pub(super) fn score(&self, held_out: &Dataset) -> Score {
        let answers = self.states[self.states.len() - 1]
            .predict(held_out.x())
            .unwrap();
        let correct = answers
            .iter()
            .zip(held_out.y())
            .filter(|(a, b)| a == b)
            .count() as u32;
        Score {
            run: self.run,
            correct,
        }
    }

    /// The claim of all segments from step `from` on.
    pub(super) fn claim(&self, from: u64) -> Claim {
        self.claim_of(from, &self.results)
    }

    /// A claim of these results.
    pub(super) fn claim_of(&self, from: u64, results: &[SegmentResult]) -> Claim {
        let claimed = &results[(from / SEGMENT) as usize..];
        let last = claimed[claimed.len() - 1];
        let starts: Vec<Hash> = claimed.iter().map(|result| result.start_root).collect();
        Claim {
            run: self.run,
            from,
            to: results.len() as u64 * SEGMENT,
            state_root: last.state_root,
            starts_root: trace_tree(&starts).root(),
            trace_root: trace_tree(&digests(claimed)).root(),
            metric: last.correct,
        }
    }

    /// All results.
    pub(super) fn results(&self) -> Vec<SegmentResult> {
        self.results.clone()
    }

    /// The vote of one who executes these segments of a claim whose trace is `served`.
    pub(super) fn vote(
        &self,
        claim: &Claim,
        asked: &Asked<'_>,
        served: &[SegmentResult],
    ) -> AuditVote {
        let first = (claim.from / SEGMENT) as usize;
        let tree = trace_tree(&digests(&served[first..]));
        let found: Vec<Executed> = asked
            .drawn
            .iter()
            .map(|index| {
                let segment = first + *index as usize;
                let roots = &self.weights[segment * SEGMENT as usize..][..SEGMENT as usize];
                let step = asked.step(*index);
                Executed {
                    result: self.results[segment],
                    path: tree.path(*index as usize).try_into().unwrap(),
                    false_seal: self.false_seal(claim, *index),
                    step_root: roots[step],
                    step_path: steps_tree(roots).path(step).try_into().unwrap(),
                }
            })
            .collect();
        AuditVote::Executed(found.try_into().unwrap())
    }

    /// A step of a claim's segment that sealed under other weights than it has.
    fn false_seal(&self, claim: &Claim, index: u32) -> Option<u64> {
        let start = claim.from + u64::from(index) * SEGMENT;
        pallet_work::Sealed::<Runtime>::iter_prefix(claim.run)
            .find(|(step, root)| {
                (start..start + SEGMENT).contains(step) && self.weights(*step) != *root
            })
            .map(|(step, _)| step)
    }
}

fn digests(results: &[SegmentResult]) -> Vec<Hash> {
    results.iter().map(SegmentResult::digest).collect()
}
