//! Avalanche: transactions in a DAG of vertices, decided by repeated polls for vertices.
//!
//! A vote for a vertex is one for its ancestors and for every transaction in them. A voter whose vertices carry two
//! transactions that conflict counts for neither. αp votes make a transaction stronger, and of those that spend the
//! same output the strongest is preferred; αc votes in `beta_virtuous` polls in a row accept a transaction that never
//! had a conflict, in β polls any other (Team Rocket et al., "Scalable and Probabilistic Leaderless BFT Consensus
//! through Metastability", where it is called Avalanche).
//!
//! A transaction is accepted behind those whose outputs it spends, a vertex behind its parents and transactions. What
//! conflicts with an accepted transaction is rejected, with all that spends from it and all vertices that stand on
//! it. A transaction that so loses its last vertex without being rejected itself is forgotten, and may come again in
//! another.

#[cfg(test)]
mod tests;

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use core::cmp::Reverse;

use crate::{
    Bag, Core, Decided, Error, Id, Parameters,
    history::History,
    ledger::Ledger,
    vertex::{Frontier, MAX_FRONTIER, MIN_PARENTS, Output, Transaction, Vertex},
};

/// When something was added; parents come before what stands on them.
type Number = u64;

/// A processing vertex; of its parents and transactions those that are processing.
#[derive(Clone, Debug)]
struct Node {
    id: Id,
    parents: Vec<Number>,
    children: Vec<Number>,
    transactions: Vec<Number>,
    /// The ballot that has last reached it.
    seen: u64,
}

/// A processing transaction.
#[derive(Clone, Debug)]
struct Spender {
    id: Id,
    inputs: Vec<Output>,
    /// Processing transactions whose outputs it spends.
    needs: Vec<Number>,
    /// Processing transactions that spend its outputs.
    dependents: Vec<Number>,
    /// Vertices that carry it.
    vertices: Vec<Number>,
    /// It has or had a conflict.
    rogue: bool,
    /// It has had its polls, and at most waits for others.
    finalized: bool,
    /// Polls with αp votes.
    strength: u64,
    /// The latest of them.
    latest: u64,
    /// Consecutive polls with αc votes, up to the latest.
    confidence: u32,
    /// Votes of the poll at hand; 0 between polls.
    votes: u32,
    /// The ballot that has last reached it.
    seen: u64,
}

/// Processing transactions that spend one output.
#[derive(Clone, Debug, Default)]
struct Rivals {
    spenders: Vec<Number>,
    /// The ballot that has last reached one of them.
    seen: u64,
    /// How many it has reached.
    reached: u32,
}

/// The DAG engine.
#[derive(Clone, Debug)]
pub struct Dag {
    parameters: Parameters,
    beta_virtuous: u32,
    next: Number,
    polls: u64,
    ballots: u64,
    nodes: BTreeMap<Number, Node>,
    vertices: BTreeMap<Id, Number>,
    spenders: BTreeMap<Number, Spender>,
    transactions: BTreeMap<Id, Number>,
    rivals: BTreeMap<Output, Rivals>,
    /// Accepted vertices and rejected ones each have room of their own, so that rejections cannot make an engine
    /// forget what new vertices may stand on.
    accepted: History,
    rejected: History,
    ledger: Ledger,
    refused: History,
}

impl Dag {
    /// A DAG whose `genesis` vertices are accepted. β of `parameters` holds for transactions with conflicts.
    ///
    /// # Errors
    /// Parameters out of bounds; `beta_virtuous` not in `1..=beta`; fewer than two genesis vertices, one twice, or
    /// more than [`MAX_FRONTIER`].
    pub fn new(parameters: Parameters, beta_virtuous: u32, genesis: &[Id]) -> Result<Self, Error> {
        parameters.validate()?;
        if !(1..=parameters.beta).contains(&beta_virtuous) {
            return Err(Error::Parameter("beta_virtuous"));
        }
        let distinct: BTreeSet<&Id> = genesis.iter().collect();
        let known = MIN_PARENTS..=MAX_FRONTIER;
        if distinct.len() != genesis.len() || !known.contains(&genesis.len()) {
            return Err(Error::Parameter("genesis"));
        }
        let items = parameters.max_outstanding_items;
        let mut accepted = History::new(items.max(genesis.len() as u32));
        genesis.iter().for_each(|id| accepted.note(*id, true));
        Ok(Self {
            parameters,
            beta_virtuous,
            next: 0,
            polls: 0,
            ballots: 0,
            nodes: BTreeMap::new(),
            vertices: BTreeMap::new(),
            spenders: BTreeMap::new(),
            transactions: BTreeMap::new(),
            rivals: BTreeMap::new(),
            accepted,
            rejected: History::new(items),
            ledger: Ledger::new(items as usize),
            refused: History::new(items),
        })
    }

    /// Whether the vertex `id` was rejected, as far as it is remembered.
    pub fn is_rejected(&self, id: &Id) -> bool {
        self.rejected.get(id).is_some()
    }

    /// How the transaction `id` ended: accepted or rejected, as far as it is remembered.
    pub fn transaction(&self, id: &Id) -> Option<bool> {
        if self.ledger.is_accepted(id) {
            return Some(true);
        }
        self.refused.get(id)
    }

    /// Whether the transaction `id` is neither accepted nor rejected yet.
    pub fn is_processing_transaction(&self, id: &Id) -> bool {
        self.transactions.contains_key(id)
    }

    /// What a new vertex may stand on: `count` vertices of the preferred frontier, the newest first, and the latest
    /// accepted ones when these are fewer.
    pub fn parents(&self, count: usize) -> Vec<Id> {
        let newest = self.preferred_tips().into_iter().rev();
        newest.chain(self.accepted.latest()).take(count).collect()
    }

    /// Preferred transactions that no preferred vertex carries, so that nobody votes for them: a new vertex should.
    pub fn orphans(&self) -> Vec<Id> {
        let beaten = self.beaten();
        let left = self.left(&beaten);
        let open = self.spenders.iter().filter(|(number, spender)| {
            !beaten.contains(number) && spender.vertices.iter().all(|v| left.contains(v))
        });
        open.map(|(_, spender)| spender.id).collect()
    }

    /// Transactions that are not preferred: weaker than a rival, or in need of such a one.
    fn beaten(&self) -> BTreeSet<Number> {
        let mut beaten = BTreeSet::new();
        for rivals in self.rivals.values() {
            let rank = |number: &Number| {
                let rival = self.spenders.get(number);
                rival.map(|rival| (rival.strength, Reverse((rival.latest, *number))))
            };
            let best = rivals.spenders.iter().copied().max_by_key(rank);
            let others = rivals.spenders.iter().copied();
            beaten.extend(others.filter(|other| Some(*other) != best));
        }
        let mut stack: Vec<Number> = beaten.iter().copied().collect();
        while let Some(number) = stack.pop() {
            let Some(spender) = self.spenders.get(&number) else {
                continue;
            };
            let dependents = spender.dependents.iter().copied();
            stack.extend(dependents.filter(|number| beaten.insert(*number)));
        }
        beaten
    }

    /// Vertices that are not preferred: they carry a beaten transaction or stand on one that does.
    fn left(&self, beaten: &BTreeSet<Number>) -> BTreeSet<Number> {
        let mut left = BTreeSet::new();
        for (number, node) in &self.nodes {
            let lost = node.transactions.iter().any(|t| beaten.contains(t))
                || node.parents.iter().any(|parent| left.contains(parent));
            if lost {
                left.insert(*number);
            }
        }
        left
    }

    /// Preferred vertices without preferred children, the oldest first.
    fn preferred_tips(&self) -> Vec<Id> {
        let left = self.left(&self.beaten());
        let tip = |(number, node): &(&Number, &Node)| {
            !left.contains(number) && node.children.iter().all(|child| left.contains(child))
        };
        let tips = self.nodes.iter().filter(tip);
        tips.map(|(_, node)| node.id).collect()
    }

    /// Whether `transaction` may be carried.
    fn check(&self, id: &Id, transaction: &Transaction) -> Result<(), Error> {
        if self.refused.get(id).is_some() {
            return Err(Error::Rejected(*id));
        }
        if self.ledger.is_accepted(id) || self.transactions.contains_key(id) {
            return Ok(());
        }
        for input in &transaction.inputs {
            if self.refused.get(&input.transaction).is_some() {
                return Err(Error::Rejected(input.transaction));
            }
            if self.ledger.is_spent(input) {
                return Err(Error::Spent(*id));
            }
        }
        Ok(())
    }

    fn number(&mut self) -> Number {
        self.next = self.next.saturating_add(1);
        self.next
    }

    /// Enters a transaction that is not known yet.
    fn enter(&mut self, id: Id, transaction: &Transaction) -> Number {
        let number = self.number();
        let made = transaction.inputs.iter().map(|input| &input.transaction);
        let needs: BTreeSet<Number> = made
            .filter_map(|id| self.transactions.get(id).copied())
            .collect();
        for need in &needs {
            if let Some(need) = self.spenders.get_mut(need) {
                need.dependents.push(number);
            }
        }
        // Some may have come before what they spend from.
        let outputs = [0, u32::MAX].map(|index| Output {
            transaction: id,
            index,
        });
        let early = self.rivals.range(outputs[0]..=outputs[1]);
        let dependents: BTreeSet<Number> = early
            .flat_map(|(_, rivals)| rivals.spenders.iter().copied())
            .collect();
        for dependent in &dependents {
            if let Some(dependent) = self.spenders.get_mut(dependent) {
                dependent.needs.push(number);
            }
        }
        let mut rogue = false;
        for input in &transaction.inputs {
            let rivals = self.rivals.entry(*input).or_default();
            for rival in &rivals.spenders {
                rogue = true;
                if let Some(rival) = self.spenders.get_mut(rival) {
                    rival.rogue = true;
                }
            }
            rivals.spenders.push(number);
        }
        let spender = Spender {
            id,
            inputs: transaction.inputs.clone(),
            needs: needs.into_iter().collect(),
            dependents: dependents.into_iter().collect(),
            vertices: Vec::new(),
            rogue,
            finalized: false,
            strength: 0,
            latest: 0,
            confidence: 0,
            votes: 0,
            seen: 0,
        };
        self.spenders.insert(number, spender);
        self.transactions.insert(id, number);
        number
    }

    /// All transactions that a voter with this frontier votes for.
    fn reach(&mut self, frontier: &Frontier) -> Vec<Number> {
        self.ballots = self.ballots.saturating_add(1);
        let ballot = self.ballots;
        let known = frontier.ids().iter();
        let mut stack: Vec<Number> = known
            .filter_map(|id| self.vertices.get(id).copied())
            .collect();
        let mut reached = Vec::new();
        while let Some(number) = stack.pop() {
            let Some(node) = self.nodes.get_mut(&number) else {
                continue;
            };
            if core::mem::replace(&mut node.seen, ballot) == ballot {
                continue;
            }
            stack.extend(&node.parents);
            for number in &node.transactions {
                let Some(spender) = self.spenders.get_mut(number) else {
                    continue;
                };
                if core::mem::replace(&mut spender.seen, ballot) == ballot {
                    continue;
                }
                reached.push(*number);
                for input in &spender.inputs {
                    if let Some(rivals) = self.rivals.get_mut(input) {
                        if core::mem::replace(&mut rivals.seen, ballot) != ballot {
                            rivals.reached = 0;
                        }
                        rivals.reached = rivals.reached.saturating_add(1);
                    }
                }
            }
        }
        reached
    }

    /// Counts the votes on transactions; those with any, the oldest first.
    fn tally(&mut self, votes: &Bag<Frontier>) -> Vec<Number> {
        let mut counted = Vec::new();
        for (frontier, count) in votes.choices() {
            for number in self.reach(frontier) {
                let Some(spender) = self.spenders.get_mut(&number) else {
                    continue;
                };
                let rivals = &self.rivals;
                let both = |input| rivals.get(input).is_some_and(|rivals| rivals.reached > 1);
                if spender.inputs.iter().any(both) {
                    continue;
                }
                if spender.votes == 0 {
                    counted.push(number);
                }
                spender.votes = spender.votes.saturating_add(*count);
            }
        }
        counted.sort_unstable();
        counted
    }

    /// Accepts `ready` transactions as far as nothing that they need is left, and settles what follows.
    fn settle(&mut self, mut ready: Vec<Number>, decided: &mut Decided) {
        while let Some(number) = ready.pop() {
            let waits = |spender: &Spender| !spender.needs.is_empty();
            if self.spenders.get(&number).is_none_or(waits) {
                continue;
            }
            let Some(spender) = self.spenders.remove(&number) else {
                continue;
            };
            self.transactions.remove(&spender.id);
            decided.transactions.push((spender.id, true));
            let mut losers = Vec::new();
            for input in &spender.inputs {
                let rivals = self.rivals.remove(input).unwrap_or_default();
                losers.extend(rivals.spenders.into_iter().filter(|rival| *rival != number));
            }
            for dependent in spender.dependents {
                if let Some(waiting) = self.spenders.get_mut(&dependent) {
                    waiting.needs.retain(|need| *need != number);
                    if waiting.finalized {
                        ready.push(dependent);
                    }
                }
            }
            for vertex in &spender.vertices {
                if let Some(node) = self.nodes.get_mut(vertex) {
                    node.transactions.retain(|carried| *carried != number);
                }
            }
            self.ledger.note(spender.id, spender.inputs);
            self.accept(spender.vertices, decided);
            self.reject(losers, decided);
        }
    }

    /// Accepts those of `ready` and of their descendants that lack nothing.
    fn accept(&mut self, mut ready: Vec<Number>, decided: &mut Decided) {
        while let Some(number) = ready.pop() {
            let lacks = |node: &Node| !node.parents.is_empty() || !node.transactions.is_empty();
            if self.nodes.get(&number).is_none_or(lacks) {
                continue;
            }
            let Some(node) = self.nodes.remove(&number) else {
                continue;
            };
            self.vertices.remove(&node.id);
            self.accepted.note(node.id, true);
            decided.accepted.push(node.id);
            for child in node.children {
                if let Some(below) = self.nodes.get_mut(&child) {
                    below.parents.retain(|parent| *parent != number);
                    ready.push(child);
                }
            }
        }
    }

    /// Rejects transactions with all that needs them, and takes away the vertices that carry them or stand on such.
    fn reject(&mut self, losers: Vec<Number>, decided: &mut Decided) {
        let (mut rejected, mut orphans, mut doomed) = (losers, Vec::new(), Vec::new());
        loop {
            // Rejections first: what is rejected is not merely an orphan.
            let next = match rejected.pop() {
                Some(number) => Some((number, true)),
                None => orphans.pop().map(|number| (number, false)),
            };
            let Some((number, is_rejected)) = next else {
                let Some(vertex) = doomed.pop() else {
                    return;
                };
                self.take_away(vertex, &mut orphans, &mut doomed, decided);
                continue;
            };
            let Some(spender) = self.spenders.remove(&number) else {
                continue;
            };
            self.transactions.remove(&spender.id);
            if is_rejected {
                self.refused.note(spender.id, false);
                decided.transactions.push((spender.id, false));
                rejected.extend(spender.dependents);
            } else {
                orphans.extend(spender.dependents);
            }
            for input in &spender.inputs {
                if let Some(rivals) = self.rivals.get_mut(input) {
                    rivals.spenders.retain(|rival| *rival != number);
                    if rivals.spenders.is_empty() {
                        self.rivals.remove(input);
                    }
                }
            }
            for need in &spender.needs {
                if let Some(need) = self.spenders.get_mut(need) {
                    need.dependents.retain(|dependent| *dependent != number);
                }
            }
            doomed.extend(spender.vertices);
        }
    }

    fn take_away(
        &mut self,
        vertex: Number,
        orphans: &mut Vec<Number>,
        doomed: &mut Vec<Number>,
        decided: &mut Decided,
    ) {
        let Some(node) = self.nodes.remove(&vertex) else {
            return;
        };
        self.vertices.remove(&node.id);
        self.rejected.note(node.id, false);
        decided.rejected.push(node.id);
        for parent in &node.parents {
            if let Some(parent) = self.nodes.get_mut(parent) {
                parent.children.retain(|child| *child != vertex);
            }
        }
        doomed.extend(node.children);
        for number in node.transactions {
            if let Some(spender) = self.spenders.get_mut(&number) {
                spender.vertices.retain(|carrier| *carrier != vertex);
                if spender.vertices.is_empty() {
                    orphans.push(number);
                }
            }
        }
    }
}

impl Core for Dag {
    type Block = Vertex;
    type Choice = Frontier;

    fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Adds a vertex. That the outputs which it spends exist, and that nothing accepted and forgotten has spent them,
    /// is for the caller's ledger to know. A quarter of `max_outstanding_items` is kept for vertices without new
    /// transactions, see [`Dag::orphans`].
    fn add(&mut self, vertex: &Vertex) -> Result<Id, Error> {
        let id = vertex.id();
        if self.vertices.contains_key(&id)
            || self.accepted.get(&id).is_some()
            || self.rejected.get(&id).is_some()
        {
            return Err(Error::Duplicate(id));
        }
        let ids = vertex.check(id)?;
        let known =
            |parent: &Id| self.vertices.contains_key(parent) || self.accepted.get(parent).is_some();
        if let Some(parent) = vertex.parents.iter().find(|parent| !known(parent)) {
            return Err(Error::UnknownParent(*parent));
        }
        for (id, transaction) in ids.iter().zip(&vertex.transactions) {
            self.check(id, transaction)?;
        }
        let open: Vec<_> = ids
            .into_iter()
            .zip(&vertex.transactions)
            .filter(|(id, _)| !self.ledger.is_accepted(id))
            .collect();
        if open.is_empty() {
            return Err(Error::Transactions(id));
        }
        let fresh = open
            .iter()
            .filter(|(id, _)| !self.transactions.contains_key(id))
            .count();
        let items = self.parameters.max_outstanding_items as usize;
        // The last quarter is for what can help out those that are stuck: orphans carried again.
        let room = if fresh == 0 { items } else { items - items / 4 };
        if self.nodes.len() >= room || self.spenders.len().saturating_add(fresh) > items {
            return Err(Error::TooManyBlocks(id));
        }
        let mut transactions = Vec::with_capacity(open.len());
        for (id, transaction) in open {
            transactions.push(match self.transactions.get(&id) {
                Some(number) => *number,
                None => self.enter(id, transaction),
            });
        }
        let number = self.number();
        for carried in &transactions {
            if let Some(spender) = self.spenders.get_mut(carried) {
                spender.vertices.push(number);
            }
        }
        let parents: Vec<Number> = vertex
            .parents
            .iter()
            .filter_map(|parent| self.vertices.get(parent).copied())
            .collect();
        for parent in &parents {
            if let Some(parent) = self.nodes.get_mut(parent) {
                parent.children.push(number);
            }
        }
        self.nodes.insert(
            number,
            Node {
                id,
                parents,
                children: Vec::new(),
                transactions,
                seen: 0,
            },
        );
        self.vertices.insert(id, number);
        Ok(id)
    }

    fn record_poll(&mut self, votes: &Bag<Frontier>) -> Result<Decided, Error> {
        if votes.total() > u64::from(self.parameters.k) {
            return Err(Error::TooManyVotes(votes.total()));
        }
        let mut decided = Decided::default();
        self.polls = self.polls.saturating_add(1);
        let mut ready = Vec::new();
        for number in self.tally(votes) {
            let Some(spender) = self.spenders.get_mut(&number) else {
                continue;
            };
            let votes = core::mem::take(&mut spender.votes);
            if votes < self.parameters.alpha_preference {
                continue;
            }
            decided.successful = true;
            spender.strength = spender.strength.saturating_add(1);
            // A poll between this one and the latest has failed.
            if spender.latest.saturating_add(1) != self.polls {
                spender.confidence = 0;
            }
            spender.latest = self.polls;
            spender.confidence = if votes >= self.parameters.alpha_confidence {
                spender.confidence.saturating_add(1)
            } else {
                0
            };
            let beta = if spender.rogue {
                self.parameters.beta
            } else {
                self.beta_virtuous
            };
            if spender.confidence >= beta {
                spender.finalized = true;
                ready.push(number);
            }
        }
        // The oldest are accepted first.
        ready.reverse();
        self.settle(ready, &mut decided);
        Ok(decided)
    }

    /// All vertices whose transactions, and whose ancestors' transactions, are preferred to their rivals, told by the
    /// last of them; the oldest if there are more than [`MAX_FRONTIER`]. It looks at everything that is processing.
    fn preference(&self) -> Frontier {
        let mut tips = self.preferred_tips();
        tips.truncate(MAX_FRONTIER);
        Frontier::new(tips).unwrap_or_default()
    }

    fn is_accepted(&self, id: &Id) -> bool {
        self.accepted.get(id).is_some()
    }

    fn is_processing(&self, id: &Id) -> bool {
        self.vertices.contains_key(id)
    }

    fn processing(&self) -> usize {
        self.nodes.len()
    }
}
