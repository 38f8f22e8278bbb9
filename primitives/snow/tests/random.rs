//! A million random operations on an engine, with its invariants checked.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use quern_snow::{
    Bag, Block, Chain, Core, Dag, Decided, Engine, Error, Frontier, Id, Output, Parameters,
    Sampler, Transaction, Vertex, Vote,
};
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

/// What a run on a DAG has seen decided.
#[derive(Default)]
struct Ends {
    transactions: BTreeMap<Id, bool>,
    vertices: BTreeMap<Id, bool>,
    spent: BTreeMap<Output, Id>,
}

impl Ends {
    fn note(
        &mut self,
        decided: &Decided,
        bodies: &BTreeMap<Id, Transaction>,
        parents: &BTreeMap<Id, Vec<Id>>,
    ) {
        for (id, accepted) in &decided.transactions {
            assert_eq!(
                self.transactions.insert(*id, *accepted),
                None,
                "decided twice"
            );
            for input in bodies[id].inputs.iter().filter(|_| *accepted) {
                assert_eq!(
                    self.spent.insert(*input, *id),
                    None,
                    "accepted ones conflict"
                );
                assert_ne!(self.transactions.get(&input.transaction), Some(&false));
            }
        }
        for id in &decided.accepted {
            assert_eq!(self.vertices.insert(*id, true), None, "decided twice");
            for parent in &parents[id] {
                assert!(GENESIS.contains(parent) || self.vertices[parent]);
            }
        }
        for id in &decided.rejected {
            assert_eq!(self.vertices.insert(*id, false), None, "decided twice");
        }
    }
}

const GENESIS: [Id; 2] = [Id([1; 32]), Id([2; 32])];

#[test]
fn a_million_random_operations_on_a_dag_violate_no_invariant() {
    let parameters = Parameters {
        k: 5,
        alpha_preference: 3,
        alpha_confidence: 4,
        beta: 3,
        concurrent_polls: CONCURRENT as u32,
        max_outstanding_items: ITEMS as u32,
    };
    let mut rng = StdRng::seed_from_u64(6);
    let dag = Dag::new(parameters, 2, &GENESIS).unwrap();
    let mut engine = Engine::new(dag, Sampler::new(&[3; 12]).unwrap()).unwrap();
    let mut recent = GENESIS.to_vec();
    let mut made: Vec<Transaction> = Vec::new();
    let mut bodies = BTreeMap::<Id, Transaction>::new();
    let mut parents = BTreeMap::<Id, Vec<Id>>::new();
    let mut ends = Ends::default();
    let mut open: Vec<(u64, Vec<(u32, u32)>)> = Vec::new();
    for operation in 0..OPERATIONS {
        let preference = engine.preference();
        let mut decided = None;
        match rng.gen_range(0..40) {
            0..=7 => {
                let orphan = engine.core().orphans().first().copied();
                let fresh = (0..rng.gen_range(1..3))
                    .map(|_| {
                        if !made.is_empty() && rng.gen_range(0..4) == 0 {
                            return made[rng.gen_range(0..made.len())].clone();
                        }
                        // Coins, of which new ones appear all the time, and outputs of transactions.
                        let input = |_| match made.len() {
                            many if many > 0 && rng.gen_range(0..3) == 0 => Output {
                                transaction: made[rng.gen_range(0..many)].id(),
                                index: rng.gen_range(0..2),
                            },
                            _ => Output {
                                transaction: Id::default(),
                                index: operation / 32 + rng.gen_range(0..16),
                            },
                        };
                        let inputs: BTreeSet<Output> = (0..2).map(input).collect();
                        let inputs = inputs.into_iter().collect();
                        let payload = operation.to_le_bytes().to_vec();
                        Transaction { inputs, payload }
                    })
                    .collect();
                let transactions: Vec<Transaction> = match orphan {
                    Some(id) if rng.gen_range(0..2) == 0 => vec![bodies[&id].clone()],
                    _ => fresh,
                };
                let mut on = engine.core().parents(rng.gen_range(1..4));
                if rng.gen_range(0..3) == 0 {
                    on.push(recent[rng.gen_range(0..recent.len())]);
                }
                let vertex = Vertex {
                    parents: on.clone(),
                    transactions: transactions.clone(),
                };
                // A ledger would know of coins that the engine has forgotten.
                let free = |transaction: &Transaction| {
                    let id = transaction.id();
                    let lost = |i: &Output| ends.transactions.get(&i.transaction) == Some(&false);
                    let taken = |i: &Output| ends.spent.contains_key(i);
                    !ends.transactions.contains_key(&id)
                        && !transaction.inputs.iter().any(|i| lost(i) || taken(i))
                };
                if transactions.iter().all(free)
                    && let Ok(id) = engine.add(&vertex)
                {
                    assert!(parents.insert(id, on).is_none());
                    for transaction in transactions {
                        bodies.insert(transaction.id(), transaction.clone());
                        made.push(transaction);
                    }
                    recent.push(id);
                    let keep = |len: usize| len.saturating_sub(ITEMS);
                    recent.drain(..keep(recent.len()));
                    made.drain(..keep(made.len()));
                }
            }
            8..=12 => {
                let pick = recent[rng.gen_range(0..recent.len())];
                if let Ok(request) = engine.poll(&pick, Duration::ZERO, &mut rng) {
                    open.push((request.poll, request.voters));
                    if open.len() > 2 * CONCURRENT {
                        open.remove(0);
                    }
                }
            }
            13 => {
                // Votes for decided and unknown vertices alone decide nothing and move nothing.
                let gone = recent.iter().filter(|id| !engine.core().is_processing(id));
                let ids = gone.copied().chain([Id(rng.r#gen())]).collect();
                let votes = [(Frontier::new(ids).unwrap(), 5)].into_iter().collect();
                let none = engine.record_poll(&votes).unwrap();
                assert_eq!(none, Decided::default());
                assert_eq!(preference, engine.preference());
            }
            14 => {
                let poll = open.first().map_or(rng.r#gen(), |(poll, _)| *poll);
                decided = engine.cancel(poll, Duration::ZERO).ok();
            }
            _ => {
                let pick = |rng: &mut StdRng| recent[rng.gen_range(0..recent.len())];
                let (poll, voters) = match open.len() {
                    0 => (rng.r#gen(), vec![(0, 1)]),
                    many => open[rng.gen_range(0..many)].clone(),
                };
                // A third of the time the voters agree on some vertex that the engine may not prefer.
                let choice = match rng.gen_range(0..12) {
                    0 => None,
                    1 => Frontier::new(vec![Id(rng.r#gen()), pick(&mut rng)]).ok(),
                    2 => Frontier::new((0..2).map(|_| pick(&mut rng)).collect()).ok(),
                    _ if poll / 8 % 3 == 0 => {
                        Frontier::new(vec![recent[(poll / 8) as usize % recent.len()]]).ok()
                    }
                    _ => Some(preference.clone()),
                };
                let vote = Vote {
                    poll,
                    voter: match rng.gen_range(0..20) {
                        0 => rng.r#gen(),
                        _ => voters[rng.gen_range(0..voters.len())].0,
                    },
                    choice,
                };
                let before = engine.stats();
                decided = engine.process_vote(&vote, Duration::ZERO).ok();
                let now = engine.stats();
                if decided.is_some() {
                    let again = engine.process_vote(&vote, Duration::ZERO);
                    assert!(matches!(
                        again,
                        Err(Error::DuplicateVote(_) | Error::UnknownPoll(_))
                    ));
                    assert_eq!((now, before.votes + 1), (engine.stats(), now.votes));
                } else {
                    assert_eq!((now, &preference), (before, &engine.preference()));
                }
            }
        }
        ends.note(&decided.unwrap_or_default(), &bodies, &parents);
        let stats = engine.stats();
        assert!(engine.core().processing() <= ITEMS);
        assert_eq!(stats.accepted + stats.rejected, ends.vertices.len() as u64);
        assert_eq!(
            stats.processing + ends.vertices.len() as u64,
            parents.len() as u64
        );
        for id in engine.preference().ids() {
            assert!(engine.core().is_processing(id));
        }
    }
    assert!(ends.spent.len() > 5_000, "{:?}", engine.stats());
    let rejected = ends.transactions.values().filter(|accepted| !**accepted);
    assert!(rejected.count() > 5_000, "{:?}", engine.stats());
}
