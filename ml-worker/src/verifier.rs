//! A verifier's duty: re-execute the drawn segments of a claim, to the bit, and vote on what came out.
//!
//! The claim's starts say under which roots its author serves the states at the segments' starts; nobody has checked them. That
//! is no matter: a segment's result names its start and its end, the trace commits to the result, and a verifier whose segment
//! does not end where the next one is said to start takes the starts for false. The first segment starts where the last accepted
//! claim ended, which the chain knows.

use std::sync::Arc;

use codec::Encode;
use quern_client::{
    Account, AuditId, AuditInfo, AuditVote, Call, Error, Executed, SeatInfo, SegmentResult,
};
use quern_market::{
    claim::{steps_tree, trace_tree},
    vote::Question,
};
use quern_training::{Dataset, State};
use quern_work::Hash;

use crate::{
    backend::BackendError,
    chain::Chain,
    data::Library,
    execute::{Executor, Machine, Segment},
    gather::{Gathered, Obstacle, Wait},
    shelf::{self, Shelf},
    vote::{Standing, Subject},
};

/// One audit, as one of its verifiers.
pub struct Audit<C, S> {
    /// The chain.
    pub chain: C,
    /// Where states and traces come from.
    pub shelf: S,
    /// Where data come from.
    pub library: Library<S>,
    /// What executes.
    pub machine: Machine,
    /// The audit.
    pub id: AuditId,
}

/// Everything that executing takes.
pub struct Material {
    info: AuditInfo,
    voter: Account,
    dataset: Arc<Dataset>,
    starts: Vec<Hash>,
    trace: Vec<Hash>,
    /// The drawn segments, with the states at their starts.
    drawn: Vec<(u32, State)>,
}

impl<C: Chain, S: Shelf> Subject for Audit<C, S> {
    type Vote = AuditVote;
    type Material = Material;
    const NOT_SERVED: AuditVote = AuditVote::NotServed;

    fn id(&self) -> u64 {
        self.id
    }

    fn name(&self) -> String {
        format!("audit-{}", self.id)
    }

    async fn standing(&self) -> Result<Standing, Error> {
        Ok(match self.chain.audit(self.id).await? {
            None => Standing::Over,
            Some(AuditInfo { ballot: None, .. }) => Standing::Undrawn,
            Some(AuditInfo {
                ballot: Some(ballot),
                claim,
                seed,
                spec,
                redraws,
                ..
            }) => {
                let question = (claim, seed, spec, redraws).encode();
                Standing::Ballot(ballot, blake3::hash(&question).into())
            }
        })
    }

    async fn gather(&self, seat: &SeatInfo) -> Result<Gathered<Material>, Obstacle> {
        let Some(info) = self.chain.audit(self.id).await? else {
            return Ok(Gathered::Nothing);
        };
        let Some(segments) = info.claim.segments(info.spec.segment) else {
            return Ok(Gathered::Nothing);
        };
        let author = self.chain.ticket(info.ticket).await?;
        let task = self.chain.task(info.task).await?;
        let contacts: Vec<String> = author
            .and_then(|ticket| ticket.contact())
            .into_iter()
            .chain(task.and_then(|task| task.contact()))
            .collect();
        let mut wait = Wait::default();
        let roots = [info.claim.trace_root, info.claim.starts_root];
        let [trace, starts] = roots.map(|root| shelf::hashes(root, segments));
        let trace = wait.served(self.shelf.fetch(&trace, &contacts)).await?;
        let starts = wait.served(self.shelf.fetch(&starts, &contacts)).await?;
        let (trace, starts) = (shelf::read_hashes(&trace), shelf::read_hashes(&starts));
        let dataset = self.library.get(&info.spec.dataset, &contacts);
        let dataset = wait.served(dataset).await?;
        let mut drawn = Vec::new();
        for &index in &seat.segments {
            let step = info.claim.from + u64::from(index) * u64::from(info.spec.segment);
            let state = if step == 0 {
                State::initial(&info.spec.sizes(), &info.seed).map_err(|_| Obstacle::State)?
            } else {
                let root = if index == 0 {
                    // the state with which the claim begins
                    let run = self.chain.run(info.claim.run).await?;
                    let Some(accepted) = run.and_then(|run| run.state_root) else {
                        return Ok(Gathered::Nothing);
                    };
                    accepted
                } else {
                    *starts.get(index as usize).ok_or(Obstacle::State)?
                };
                let blob = shelf::state(&info.spec, root);
                let bytes = wait.served(self.shelf.fetch(&blob, &contacts)).await?;
                State::decode(&bytes).map_err(|_| Obstacle::State)?
            };
            if state.step != step || state.sizes != info.spec.sizes() {
                return Err(Obstacle::State);
            }
            drawn.push((index, state));
        }
        Ok(Gathered::Whole(Material {
            trace,
            info,
            voter: seat.voter,
            dataset,
            starts,
            drawn,
        }))
    }

    async fn answer(
        &self,
        material: Material,
        in_time: impl FnOnce() -> bool + Send,
    ) -> Option<AuditVote> {
        let machine = self.machine.clone();
        let work = move || execute(&machine, material);
        match self.machine.vote(in_time, work).await? {
            Ok(vote) => Some(vote),
            Err(reason) => {
                let name = self.name();
                tracing::error!("{name}: this machine cannot execute it: {reason}");
                None
            }
        }
    }

    fn commit(&self, digest: Hash) -> Call {
        Call::CommitVote {
            audit: self.id,
            digest,
        }
    }

    fn reveal(&self, vote: AuditVote, salt: Hash) -> Call {
        Call::RevealVote {
            audit: self.id,
            vote: Box::new(vote),
            salt,
        }
    }
}

/// Executes the drawn segments.
fn execute(machine: &Machine, material: Material) -> Result<AuditVote, BackendError> {
    let Material {
        info,
        voter,
        dataset,
        starts,
        trace,
        drawn,
    } = material;
    let Some((_, first)) = drawn.first() else {
        return Ok(AuditVote::Executed(Default::default()));
    };
    let mut executor = Executor::new(machine, &info.spec, info.seed, dataset, first.clone())?;
    let tree = trace_tree(&trace);
    let question = Question {
        audit: info.id,
        redraws: info.redraws,
        voter: &voter,
    };
    let mut found = Vec::new();
    for (index, start) in drawn {
        let Segment {
            result,
            weights_roots,
        } = executor.segment(&start)?;
        if !leads_on(&result, &starts, index) {
            return Ok(AuditVote::NotServed);
        }
        let step = question.step(index, info.spec.segment) as usize;
        let steps = steps_tree(&weights_roots);
        // a trace of one segment has an empty path; a longer path than a trace's can have is not served
        let (Ok(path), Ok(step_path), Some(&step_root)) = (
            tree.path(index as usize).try_into(),
            steps.path(step).try_into(),
            weights_roots.get(step),
        ) else {
            return Ok(AuditVote::NotServed);
        };
        found.push(Executed {
            result,
            path,
            false_seal: false_seal(&info.sealed, start.step, &weights_roots),
            step_root,
            step_path,
        });
    }
    Ok(found
        .try_into()
        .map_or(AuditVote::NotServed, AuditVote::Executed))
}

/// Whether a segment ends where the next one is said to start.
fn leads_on(result: &SegmentResult, starts: &[Hash], index: u32) -> bool {
    let next = starts.get(index as usize + 1);
    next.is_none_or(|start| *start == result.state_root)
}

/// The first step, of those from `start` on, that sealed under another weights root than its own.
fn false_seal(sealed: &[(u64, Hash)], start: u64, roots: &[Hash]) -> Option<u64> {
    let own = |step: u64| {
        let place = usize::try_from(step.checked_sub(start)?).ok()?;
        roots.get(place)
    };
    let is_false = |(step, root): &&(u64, Hash)| own(*step).is_some_and(|own| own != root);
    sealed.iter().find(is_false).map(|(step, _)| *step)
}

#[cfg(test)]
mod tests {
    use quern_client::{BallotInfo, Claim, Preferences, Role, TicketInfo};

    use super::*;
    use crate::{
        backend::Isa,
        chain::double::{ACCOUNT, Double as ChainDouble},
        journal::Journal,
        shelf::{double::Double, publish_dataset, publish_hashes, publish_state},
        trace::{digests, starts},
        vote::vote,
        world::{SEED, SEGMENT, STEPS, data, results, spec, states, trace, weights},
    };

    const AUDIT: AuditId = 5;
    const QUESTION: Question<'_> = Question {
        audit: AUDIT,
        redraws: 0,
        voter: &ACCOUNT,
    };
    const AUTHOR: &str = "/ip4/127.0.0.1/tcp/9/p2p/author";

    fn info(claim: Claim, segments: &[u32]) -> AuditInfo {
        AuditInfo {
            id: AUDIT,
            claim,
            task: 0,
            seed: SEED,
            spec: spec(),
            author: [1; 32],
            ticket: 3,
            sealed: vec![(0, weights(0)), (9, weights(9))],
            ballot: Some(BallotInfo {
                seats: vec![SeatInfo {
                    ticket: 4,
                    voter: ACCOUNT,
                    segments: segments.to_vec(),
                    committed: false,
                    revealed: false,
                }],
                commit_until: 40,
                reveal_until: 60,
                reveals: false,
            }),
            redraws: 0,
        }
    }

    fn author() -> TicketInfo {
        let contact = AUTHOR.as_bytes().to_vec().try_into().unwrap();
        TicketInfo {
            id: 3,
            owner: [1; 32],
            role: Role::Miner,
            stake: 1,
            preferences: Preferences {
                contact,
                ..Preferences::any(1)
            },
            bought: 0,
            expires: 100,
            withdrawable: None,
            duties: Vec::new(),
        }
    }

    /// An audit of all segments, whose author serves all but the states, and the one who audits it.
    async fn scene(
        claim: Claim,
        segments: &[u32],
    ) -> (ChainDouble, Double, Audit<ChainDouble, Double>) {
        let (chain, shelf) = (ChainDouble::new(10), Double::default());
        {
            let mut world = chain.world.lock().unwrap();
            world.audits = vec![info(claim, segments)];
            world.tickets = vec![author()];
        }
        publish_dataset(&shelf, &data()).await.unwrap();
        publish_hashes(&shelf, &digests(&results())).await.unwrap();
        publish_hashes(&shelf, &starts(&results())).await.unwrap();
        let audit = Audit {
            library: Library::new(shelf.clone(), None),
            machine: Machine::new(1, Isa::detect()),
            chain: chain.clone(),
            shelf: shelf.clone(),
            id: AUDIT,
        };
        (chain, shelf, audit)
    }

    fn claim() -> Claim {
        trace().claim(2, 0, STEPS).unwrap()
    }

    async fn serve_states(shelf: &Double) {
        for step in (0..STEPS).step_by(SEGMENT as usize) {
            publish_state(shelf, &states(STEPS)[step as usize])
                .await
                .unwrap();
        }
    }

    /// Runs the duty until it reveals.
    async fn voted(chain: &ChainDouble, audit: Audit<ChainDouble, Double>) -> AuditVote {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(folder.path().to_owned()).unwrap();
        let voter = {
            let chain = chain.clone();
            tokio::spawn(async move { vote(&chain, &journal, &audit).await })
        };
        assert!(matches!(chain.called().await, Call::CommitVote { .. }));
        chain.block(|world| {
            let ballot = world.audits[0].ballot.as_mut().unwrap();
            ballot.seats[0].committed = true;
            ballot.reveals = true;
        });
        // a digest that is not on chain yet is sent again with every block
        let vote = loop {
            if let Call::RevealVote { vote, .. } = chain.called().await {
                break vote;
            }
        };
        voter.abort();
        *vote
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_right_claim_is_agreed_to_on_every_segment() {
        for drawn in [&[0][..], &[2, 0], &[1]] {
            let (chain, shelf, audit) = scene(claim(), drawn).await;
            serve_states(&shelf).await;
            assert!(
                voted(&chain, audit)
                    .await
                    .agrees(&claim(), 3, drawn, QUESTION)
            );
            let asked = shelf.asked.lock().unwrap();
            assert!(asked.iter().all(|from| from == &[AUTHOR]));
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_claim_with_one_wrong_segment_is_not_agreed_to_where_it_is_wrong() {
        let mut wrong = results();
        wrong[1].correct += 1;
        let mut claim = claim();
        claim.trace_root = trace_tree(&digests(&wrong)).root();
        for (drawn, agrees) in [(&[0][..], true), (&[1], false), (&[2, 1], false)] {
            let (chain, shelf, audit) = scene(claim.clone(), drawn).await;
            serve_states(&shelf).await;
            publish_hashes(&shelf, &digests(&wrong)).await.unwrap();
            let vote = voted(&chain, audit).await;
            assert_eq!(vote.agrees(&claim, 3, drawn, QUESTION), agrees, "{drawn:?}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_segment_that_does_not_lead_to_the_next_start_is_not_agreed_to() {
        // the author made the third start up: its own segment follows from it, but the second does not lead there
        let mut false_starts = starts(&results());
        false_starts[2] = states(STEPS)[7].root();
        let mut claim = claim();
        claim.starts_root = trace_tree(&false_starts).root();
        let (chain, shelf, audit) = scene(claim.clone(), &[1]).await;
        serve_states(&shelf).await;
        publish_hashes(&shelf, &false_starts).await.unwrap();
        assert_eq!(voted(&chain, audit).await, AuditVote::NotServed);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_seal_under_other_weights_is_named() {
        let (chain, shelf, audit) = scene(claim(), &[2]).await;
        serve_states(&shelf).await;
        chain.block(|world| world.audits[0].sealed[1].1 = [9; 32]);
        let AuditVote::Executed(found) = voted(&chain, audit).await else {
            panic!("not executed")
        };
        assert_eq!(found[0].false_seal, Some(9));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_later_claim_starts_where_the_chain_says() {
        let claim = trace().claim(2, 4, STEPS).unwrap();
        let (chain, shelf, audit) = scene(claim.clone(), &[0]).await;
        let later = &results()[1..];
        publish_hashes(&shelf, &digests(later)).await.unwrap();
        publish_hashes(&shelf, &starts(later)).await.unwrap();
        serve_states(&shelf).await;
        let run = crate::claim::tests::run(4, Some(states(4)[4].root()));
        chain.world.lock().unwrap().runs = vec![run];
        assert!(voted(&chain, audit).await.agrees(&claim, 2, &[0], QUESTION));
    }

    #[tokio::test]
    async fn another_claim_or_draw_is_another_question() {
        let (chain, _shelf, audit) = scene(claim(), &[1]).await;
        let question = async || match audit.standing().await {
            Ok(Standing::Ballot(_, question)) => question,
            other => panic!("{other:?}"),
        };
        let first = question().await;
        chain.block(|world| world.audits[0].sealed.clear());
        assert_eq!(question().await, first);
        chain.block(|world| world.audits[0].redraws = 1);
        let second = question().await;
        chain.block(|world| world.audits[0].claim.state_root = [9; 32]);
        let third = question().await;
        assert!(first != second && second != third);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_comes_late_is_waited_for() {
        let (chain, shelf, audit) = scene(claim(), &[1]).await;
        let late = async {
            assert!(chain.is_silent().await);
            serve_states(&shelf).await;
            chain.block(|_| ());
        };
        let (vote, ()) = tokio::join!(voted(&chain, audit), late);
        assert!(vote.agrees(&claim(), 3, &[1], QUESTION));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_not_served_in_time_is_said_so() {
        let (chain, shelf, audit) = scene(claim(), &[1]).await;
        let time = async {
            ChainDouble::until(|| !shelf.asked.lock().unwrap().is_empty()).await;
            chain.pass(27).await;
        };
        let (vote, ()) = tokio::join!(voted(&chain, audit), time);
        assert_eq!(vote, AuditVote::NotServed);
    }
}
