//! The DAG against a slow model: sets of ids, recursion, and an explicit winner for every pair that conflicts.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use quern_snow::{Bag, Core, Dag, Frontier, Id, Output, Parameters, Transaction, Vertex};

const GENESIS: [Id; 2] = [Id([1; 32]), Id([2; 32])];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Processing,
    Accepted,
    Rejected,
}

struct Tx {
    inputs: BTreeSet<Output>,
    status: Status,
    rogue: bool,
    finalized: bool,
    strength: u32,
    confidence: u32,
}

struct Carrier {
    parents: Vec<Id>,
    transactions: Vec<Id>,
    status: Status,
}

struct Model {
    rules: Parameters,
    beta_virtuous: u32,
    /// In the order of their coming.
    transactions: Vec<(Id, Tx)>,
    vertices: Vec<(Id, Carrier)>,
    /// Pairs of processing transactions that conflict: the first beats the second.
    beats: BTreeSet<(Id, Id)>,
}

impl Model {
    fn tx(&self, id: &Id) -> Option<&Tx> {
        self.transactions
            .iter()
            .find(|(other, _)| other == id)
            .map(|(_, tx)| tx)
    }

    fn tx_status(&self, id: &Id) -> Option<Status> {
        self.tx(id).map(|tx| tx.status)
    }

    fn status(&self, id: &Id) -> Option<Status> {
        let known = self.vertices.iter().find(|(other, _)| other == id);
        known.map(|(_, vertex)| vertex.status)
    }

    fn set_tx(&mut self, id: &Id, change: impl Fn(&mut Tx)) {
        for (other, tx) in &mut self.transactions {
            if other == id {
                change(tx);
            }
        }
    }

    fn processing(&self) -> Vec<Id> {
        let open = |entry: &&(Id, Tx)| entry.1.status == Status::Processing;
        self.transactions.iter().filter(open).map(|t| t.0).collect()
    }

    fn conflict(&self, a: &Id, b: &Id) -> bool {
        let (Some(first), Some(second)) = (self.tx(a), self.tx(b)) else {
            return false;
        };
        a != b && !first.inputs.is_disjoint(&second.inputs)
    }

    fn needs(&self, id: &Id) -> Vec<Id> {
        let made: BTreeSet<Id> = self
            .tx(id)
            .map(|tx| tx.inputs.iter().map(|input| input.transaction).collect())
            .unwrap_or_default();
        let open = self.processing();
        open.into_iter().filter(|id| made.contains(id)).collect()
    }

    fn accepts(&self, vertex: &Vertex) -> bool {
        let ids: Vec<Id> = vertex.transactions.iter().map(Transaction::id).collect();
        let parents: BTreeSet<_> = vertex.parents.iter().collect();
        let distinct: BTreeSet<_> = ids.iter().collect();
        let inputs: Vec<_> = vertex.transactions.iter().flat_map(|t| &t.inputs).collect();
        let once: BTreeSet<_> = inputs.iter().collect();
        let standing = |id: &&Id| {
            GENESIS.contains(id)
                || matches!(self.status(id), Some(Status::Processing | Status::Accepted))
        };
        let taken = |output: &Output| {
            self.transactions
                .iter()
                .any(|(_, tx)| tx.status == Status::Accepted && tx.inputs.contains(output))
        };
        let carried = |(id, tx): (&Id, &Transaction)| match self.tx_status(id) {
            Some(status) => status != Status::Rejected,
            None => tx.inputs.iter().all(|input| {
                self.tx_status(&input.transaction) != Some(Status::Rejected) && !taken(input)
            }),
        };
        let ordered = vertex.transactions.iter().enumerate().all(|(at, tx)| {
            tx.inputs
                .iter()
                .all(|input| !ids[at..].contains(&input.transaction))
        });
        self.status(&vertex.id()).is_none()
            && parents.len() == vertex.parents.len()
            && parents.len() >= 2
            && parents.iter().all(standing)
            && !ids.is_empty()
            && distinct.len() == ids.len()
            && once.len() == inputs.len()
            && ordered
            && ids.iter().zip(&vertex.transactions).all(carried)
            && ids
                .iter()
                .any(|id| self.tx_status(id) != Some(Status::Accepted))
    }

    fn add(&mut self, vertex: &Vertex) {
        for transaction in &vertex.transactions {
            let id = transaction.id();
            if self.tx(&id).is_some() {
                continue;
            }
            let tx = Tx {
                inputs: transaction.inputs.iter().copied().collect(),
                status: Status::Processing,
                rogue: false,
                finalized: false,
                strength: 0,
                confidence: 0,
            };
            self.transactions.push((id, tx));
            for rival in self.processing() {
                if self.conflict(&rival, &id) {
                    self.beats.insert((rival, id));
                    self.set_tx(&rival, |tx| tx.rogue = true);
                    self.set_tx(&id, |tx| tx.rogue = true);
                }
            }
        }
        let carrier = Carrier {
            parents: vertex.parents.clone(),
            transactions: vertex.transactions.iter().map(Transaction::id).collect(),
            status: Status::Processing,
        };
        self.vertices.push((vertex.id(), carrier));
    }

    /// All processing transactions of a vertex and its ancestors.
    fn vouched(&self, vertex: &Id) -> BTreeSet<Id> {
        let mut all = BTreeSet::new();
        if let Some((_, carrier)) = self.vertices.iter().find(|(id, _)| id == vertex)
            && carrier.status == Status::Processing
        {
            let open = |id: &&Id| self.tx_status(id) == Some(Status::Processing);
            all.extend(carrier.transactions.iter().filter(open));
            carrier
                .parents
                .iter()
                .for_each(|parent| all.extend(self.vouched(parent)));
        }
        all
    }

    fn poll(&mut self, votes: &[(Vec<Id>, u32)]) {
        let mut counts = BTreeMap::<Id, u32>::new();
        for (ids, count) in votes {
            let vouched: BTreeSet<Id> = ids.iter().flat_map(|id| self.vouched(id)).collect();
            for id in &vouched {
                if !vouched.iter().any(|other| self.conflict(id, other)) {
                    *counts.entry(*id).or_default() += count;
                }
            }
        }
        let (rules, beta_virtuous) = (self.rules, self.beta_virtuous);
        let mut ready = Vec::new();
        for id in self.processing() {
            let count = counts.get(&id).copied().unwrap_or(0);
            self.set_tx(&id, |tx| {
                tx.strength += u32::from(count >= rules.alpha_preference);
                let confident = count >= rules.alpha_confidence;
                tx.confidence = if confident { tx.confidence + 1 } else { 0 };
                let beta = if tx.rogue { rules.beta } else { beta_virtuous };
                tx.finalized |= tx.confidence >= beta;
            });
            for rival in self.processing() {
                let stronger =
                    self.tx(&id).map(|tx| tx.strength) > self.tx(&rival).map(|tx| tx.strength);
                if stronger && self.beats.remove(&(rival, id)) {
                    self.beats.insert((id, rival));
                }
            }
            if counts.contains_key(&id) && self.tx(&id).is_some_and(|tx| tx.finalized) {
                ready.push(id);
            }
        }
        // The oldest first, and what waited for it directly behind.
        ready.reverse();
        while let Some(id) = ready.pop() {
            if self.tx_status(&id) == Some(Status::Processing) && self.needs(&id).is_empty() {
                let waiting: Vec<Id> = self
                    .processing()
                    .into_iter()
                    .filter(|other| self.needs(other).contains(&id))
                    .filter(|other| self.tx(other).is_some_and(|tx| tx.finalized))
                    .collect();
                self.accept(&id);
                ready.extend(waiting);
            }
        }
    }

    fn accept(&mut self, id: &Id) {
        self.set_tx(id, |tx| tx.status = Status::Accepted);
        loop {
            let whole = |carrier: &Carrier| {
                let stands =
                    |p: &Id| GENESIS.contains(p) || self.status(p) == Some(Status::Accepted);
                carrier.status == Status::Processing
                    && carrier.parents.iter().all(stands)
                    && carrier
                        .transactions
                        .iter()
                        .all(|t| self.tx_status(t) == Some(Status::Accepted))
            };
            let Some(at) = self.vertices.iter().position(|(_, v)| whole(v)) else {
                break;
            };
            self.vertices[at].1.status = Status::Accepted;
        }
        let open = self.processing();
        let mut lost: BTreeSet<Id> = open
            .iter()
            .copied()
            .filter(|o| self.conflict(o, id))
            .collect();
        while let Some(heir) = open
            .iter()
            .find(|o| !lost.contains(o) && self.needs(o).iter().any(|n| lost.contains(n)))
        {
            lost.insert(*heir);
        }
        for id in &lost {
            self.set_tx(id, |tx| tx.status = Status::Rejected);
        }
        // What is gone besides: vertices that carry or stand on it, and transactions left without a vertex.
        let mut gone = lost;
        loop {
            let falls = |carrier: &Carrier| {
                carrier.status == Status::Processing
                    && (carrier.transactions.iter().any(|t| gone.contains(t))
                        || carrier
                            .parents
                            .iter()
                            .any(|p| self.status(p) == Some(Status::Rejected)))
            };
            if let Some(at) = self.vertices.iter().position(|(_, v)| falls(v)) {
                self.vertices[at].1.status = Status::Rejected;
                continue;
            }
            let carried = |id: &Id| {
                self.vertices
                    .iter()
                    .any(|(_, v)| v.status == Status::Processing && v.transactions.contains(id))
            };
            let orphan = self.processing().into_iter().find(|id| {
                !carried(id)
                    || self
                        .tx(id)
                        .is_some_and(|tx| tx.inputs.iter().any(|i| gone.contains(&i.transaction)))
            });
            let Some(orphan) = orphan else { break };
            gone.insert(orphan);
            self.transactions.retain(|(id, _)| *id != orphan);
        }
        let open: BTreeSet<Id> = self.processing().into_iter().collect();
        self.beats
            .retain(|(a, b)| open.contains(a) && open.contains(b));
    }

    fn prefers_tx(&self, id: &Id) -> bool {
        self.tx_status(id) == Some(Status::Accepted)
            || (!self.beats.iter().any(|(_, loser)| loser == id)
                && self.needs(id).iter().all(|need| self.prefers_tx(need)))
    }

    fn prefers(&self, id: &Id) -> bool {
        if GENESIS.contains(id) {
            return true;
        }
        let Some((_, carrier)) = self.vertices.iter().find(|(other, _)| other == id) else {
            return false;
        };
        carrier.status == Status::Accepted
            || (carrier.transactions.iter().all(|t| self.prefers_tx(t))
                && carrier.parents.iter().all(|p| self.prefers(p)))
    }

    fn preference(&self) -> Vec<Id> {
        let open = self
            .vertices
            .iter()
            .filter(|(id, vertex)| vertex.status == Status::Processing && self.prefers(id));
        let preferred: Vec<_> = open.collect();
        let mut tips: Vec<Id> = preferred
            .iter()
            .map(|(id, _)| *id)
            .filter(|id| {
                !preferred
                    .iter()
                    .any(|(_, below)| below.parents.contains(id))
            })
            .collect();
        tips.sort_unstable();
        tips
    }
}

/// Inputs, and the place of an earlier transaction to carry instead.
type Body = (Vec<(usize, u32)>, Option<usize>);

#[derive(Clone, Debug)]
enum Step {
    /// A vertex: parents by place, the newest first; for each transaction the outputs that it spends (by place of
    /// the transaction that made them, or of an early coin) and whether it is one that came before.
    Add(Vec<usize>, Vec<Body>),
    /// Answers by place of vertices, with counts.
    Poll(Vec<(Vec<usize>, u32)>),
    /// As many answers with the engine's own preference.
    Agree(u32),
}

fn step() -> impl Strategy<Value = Step> {
    let transaction = (
        prop::collection::vec((0usize..6, 0u32..3), 0..3),
        prop::option::weighted(0.2, 0usize..6),
    );
    let answer = (prop::collection::vec(0usize..8, 0..3), 1u32..6);
    prop_oneof![
        4 => (prop::collection::vec(0usize..6, 2..4), prop::collection::vec(transaction, 1..3))
            .prop_map(|(parents, transactions)| Step::Add(parents, transactions)),
        4 => prop::collection::vec(answer, 0..4).prop_map(Step::Poll),
        2 => (3u32..6).prop_map(Step::Agree),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn the_dag_agrees_with_the_model(
        steps in prop::collection::vec(step(), 1..80),
        beta in 1u32..4,
        confidence in 3u32..6,
    ) {
        let rules = Parameters {
            k: 5, alpha_preference: 3, alpha_confidence: confidence, beta, concurrent_polls: 1,
            max_outstanding_items: 1000,
        };
        let beta_virtuous = beta.div_ceil(2);
        let mut dag = Dag::new(rules, beta_virtuous, &GENESIS).unwrap();
        let mut model = Model {
            rules, beta_virtuous, transactions: Vec::new(), vertices: Vec::new(), beats: BTreeSet::new(),
        };
        let mut vertices = GENESIS.to_vec();
        let mut transactions: Vec<Transaction> = Vec::new();
        let newest = |list: &[Id], place: usize| list[list.len() - 1 - place % list.len()];
        for (n, step) in steps.into_iter().enumerate() {
            match step {
                Step::Add(parents, bodies) => {
                    let parents: Vec<Id> = parents.iter().map(|p| newest(&vertices, *p)).collect();
                    let mut body = Vec::new();
                    for (m, (inputs, old)) in bodies.into_iter().enumerate() {
                        let known = transactions.len();
                        let transaction = match old.filter(|_| known > 0) {
                            Some(place) => transactions[known - 1 - place % known].clone(),
                            None => Transaction {
                                inputs: inputs.into_iter().map(|(place, index)| Output {
                                    transaction: match transactions.iter().rev().nth(place) {
                                        Some(made) if place < 4 => made.id(),
                                        _ => Id([9; 32]),
                                    },
                                    index,
                                }).collect(),
                                payload: vec![n as u8, m as u8],
                            },
                        };
                        body.push(transaction);
                    }
                    let vertex = Vertex { parents, transactions: body };
                    let open = model.accepts(&vertex);
                    let added = dag.add(&vertex);
                    prop_assert_eq!(added.is_ok(), open, "{:?}", added);
                    if open {
                        model.add(&vertex);
                        vertices.push(vertex.id());
                    }
                    transactions.extend(vertex.transactions);
                }
                Step::Poll(answers) => {
                    let mut left = 5;
                    let mut votes = Vec::new();
                    for (places, count) in answers {
                        let count = count.min(left);
                        left -= count;
                        let ids = places.iter().map(|p| newest(&vertices, *p)).collect();
                        votes.push((ids, count));
                    }
                    let bag: Bag<Frontier> = votes
                        .iter()
                        .map(|(ids, count): &(Vec<Id>, u32)| (Frontier::new(ids.clone()).unwrap(), *count))
                        .collect();
                    dag.record_poll(&bag).unwrap();
                    model.poll(&votes);
                }
                Step::Agree(count) => {
                    let own = dag.preference();
                    let votes = [(own.ids().to_vec(), count)];
                    dag.record_poll(&[(own, count)].into_iter().collect()).unwrap();
                    model.poll(&votes);
                }
            }
            let preference = dag.preference();
            prop_assert_eq!(preference.ids(), model.preference());
            for id in &vertices[2..] {
                let status = model.status(id);
                prop_assert_eq!(dag.is_processing(id), status == Some(Status::Processing));
                prop_assert_eq!(dag.is_accepted(id), status == Some(Status::Accepted));
                prop_assert_eq!(dag.is_rejected(id), status == Some(Status::Rejected));
            }
            for transaction in &transactions {
                let (id, status) = (transaction.id(), model.tx_status(&transaction.id()));
                prop_assert_eq!(dag.is_processing_transaction(&id), status == Some(Status::Processing));
                let end = match status {
                    Some(Status::Accepted) => Some(true),
                    Some(Status::Rejected) => Some(false),
                    _ => None,
                };
                prop_assert_eq!(dag.transaction(&id), end);
            }
        }
    }
}
