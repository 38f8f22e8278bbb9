//! A million random operations on an engine, with its invariants checked.

use std::{collections::BTreeMap, time::Duration};

use quern_snow::{Bag, Block, Chain, Core, Engine, Error, Id, Parameters, Sampler, Vote};
use rand::{Rng, SeedableRng, rngs::StdRng};

const OPERATIONS: u32 = 1_000_000;
const ITEMS: usize = 24;
const CONCURRENT: usize = 3;

#[test]
fn a_million_random_operations_violate_no_invariant() {
    let parameters = Parameters {
        k: 5,
        alpha_preference: 3,
        alpha_confidence: 4,
        beta: 3,
        concurrent_polls: CONCURRENT as u32,
        max_outstanding_items: ITEMS as u32,
    };
    let mut rng = StdRng::seed_from_u64(5);
    let chain = Chain::new(parameters, Id::default(), 0).unwrap();
    let mut engine = Engine::new(chain, Sampler::new(&[3; 12]).unwrap()).unwrap();
    let mut recent = vec![(Id::default(), 0u64)];
    let mut fate = BTreeMap::<Id, bool>::new();
    let mut parents = BTreeMap::<Id, Id>::new();
    let (mut last, mut decisions) = (Id::default(), 0u64);
    let mut open: Vec<(u64, Vec<(u32, u32)>)> = Vec::new();
    for operation in 0..OPERATIONS {
        let (pick, height) = match rng.gen_range(0..4) {
            0 => (last, engine.core().last_height()),
            _ => recent[rng.gen_range(0..recent.len())],
        };
        let before = (
            engine.core().last_accepted(),
            engine.preference(),
            engine.core().processing(),
        );
        let mut decided = None;
        match rng.gen_range(0..40) {
            0..=7 => {
                let block = Block {
                    parent: pick,
                    height: height + 1,
                    payload: operation.to_le_bytes().to_vec(),
                };
                if let Ok(id) = engine.add(&block) {
                    parents.insert(id, pick);
                    recent.push((id, height + 1));
                    if recent.len() > ITEMS {
                        recent.remove(0);
                    }
                }
            }
            8..=12 => {
                if let Ok(request) = engine.poll(&pick, Duration::ZERO, &mut rng) {
                    open.push((request.poll, request.voters));
                    if open.len() > 2 * CONCURRENT {
                        open.remove(0);
                    }
                }
            }
            13 => {
                // Votes for decided and unknown blocks alone neither decide nor move the preference.
                let votes: Bag = recent
                    .iter()
                    .filter(|(id, _)| !engine.core().is_processing(id))
                    .take(4)
                    .map(|(id, _)| (*id, 1))
                    .chain([(Id(rng.r#gen()), 1)])
                    .collect();
                let none = engine.record_poll(&votes).unwrap();
                assert!(none.accepted.is_empty() && none.rejected.is_empty() && !none.successful);
                assert_eq!(before.1, engine.preference());
            }
            14..=17 => {
                let votes: Bag = [
                    (pick, rng.gen_range(0..3)),
                    (engine.preference(), rng.gen_range(2..6)),
                ]
                .into_iter()
                .collect();
                let total = votes.total();
                match engine.record_poll(&votes) {
                    Ok(done) => decided = Some(done),
                    Err(error) => assert_eq!(error, Error::TooManyVotes(total)),
                }
            }
            _ => {
                let choice = match rng.gen_range(0..12) {
                    0 => [None, Some(Id(rng.r#gen()))][rng.gen_range(0..2)],
                    1 => Some(pick),
                    _ => Some(engine.preference()),
                };
                let (poll, voters) = match open.len() {
                    0 => (rng.r#gen(), vec![(0, 1)]),
                    many => open[rng.gen_range(0..many)].clone(),
                };
                let voter = match rng.gen_range(0..20) {
                    0 => rng.r#gen(),
                    _ => voters[rng.gen_range(0..voters.len())].0,
                };
                let vote = Vote {
                    poll,
                    voter,
                    choice,
                };
                let counted = engine.stats().votes;
                decided = engine.process_vote(&vote, Duration::ZERO).ok();
                if decided.is_some() {
                    let now = engine.stats();
                    // The same vote again is refused and changes nothing.
                    let again = engine.process_vote(&vote, Duration::ZERO);
                    assert!(matches!(
                        again,
                        Err(Error::DuplicateVote(_) | Error::UnknownPoll(_))
                    ));
                    assert_eq!((now, now.votes), (engine.stats(), counted + 1));
                } else {
                    assert_eq!(counted, engine.stats().votes);
                    assert_eq!(before.1, engine.preference());
                }
            }
        }
        let decided = decided.unwrap_or_default();
        for id in &decided.accepted {
            // Accepted blocks are one line, so no two of them conflict.
            assert_eq!(parents[id], last);
            last = *id;
        }
        let ends = decided.accepted.iter().map(|id| (*id, true));
        for (id, accepted) in ends.chain(decided.rejected.iter().map(|id| (*id, false))) {
            assert_eq!(fate.insert(id, accepted), None, "decided twice");
            assert!(!engine.core().is_processing(&id));
            decisions += 1;
        }
        assert_eq!(engine.core().last_accepted(), last);
        assert!(engine.core().processing() <= ITEMS);
        let preference = engine.preference();
        assert!(preference == last || engine.core().is_processing(&preference));
        let stats = engine.stats();
        assert_eq!(stats.accepted + stats.rejected, decisions);
        assert_eq!(stats.processing + decisions, parents.len() as u64);
    }
    assert!(engine.stats().accepted > 5_000, "{:?}", engine.stats());
}
