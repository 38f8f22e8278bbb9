//! The chain against a slow model that keeps one instance for every bit and resets eagerly.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use quern_snow::{Bag, Block, Chain, Core, Id, Parameters, Tree};

/// One bit of one set of siblings.
#[derive(Clone, Default)]
struct Bit {
    preference: bool,
    confidence: u32,
    decided: bool,
}

/// Rival children of one block: a bit for every prefix of any of them.
#[derive(Clone, Default)]
struct Rivals {
    bits: BTreeMap<Vec<bool>, Bit>,
}

fn bits(id: &Id) -> Vec<bool> {
    (0..256).map(|bit| id.bit(bit)).collect()
}

impl Rivals {
    fn add(&mut self, id: &Id) {
        let path = bits(id);
        for depth in 0..256 {
            let fresh = Bit {
                preference: path[depth],
                ..Bit::default()
            };
            let bit = self.bits.entry(path[..depth].to_vec()).or_insert(fresh);
            if bit.decided && bit.preference != path[depth] {
                return;
            }
        }
    }

    fn path(&self) -> Vec<bool> {
        let mut path = Vec::new();
        while let Some(bit) = self.bits.get(&path) {
            path.push(bit.preference);
        }
        path
    }

    fn decided(&self) -> bool {
        let path = self.path();
        (0..256).all(|depth| self.bits.get(&path[..depth]).is_some_and(|bit| bit.decided))
    }

    fn poll(&mut self, votes: &BTreeMap<Id, u32>, rules: &Parameters) {
        let mut won = Vec::new();
        let mut on_path = BTreeSet::new();
        for _ in 0..256 {
            let below = |side: bool| -> u32 {
                let mut prefix = won.clone();
                prefix.push(side);
                votes
                    .iter()
                    .filter(|(id, _)| bits(id).starts_with(&prefix))
                    .map(|(_, n)| n)
                    .sum()
            };
            let Some(bit) = self.bits.get_mut(&won) else {
                break;
            };
            let side = if bit.decided {
                bit.preference
            } else {
                below(true) >= rules.alpha_preference
            };
            let count = below(side);
            if count < rules.alpha_preference {
                break;
            }
            if !bit.decided {
                if side != bit.preference {
                    bit.confidence = 0;
                    bit.preference = side;
                }
                bit.confidence = if count >= rules.alpha_confidence {
                    bit.confidence + 1
                } else {
                    0
                };
                bit.decided = bit.confidence >= rules.beta;
            }
            on_path.insert(won.clone());
            won.push(side);
        }
        self.miss(&on_path);
    }

    fn miss(&mut self, but: &BTreeSet<Vec<bool>>) {
        for (prefix, bit) in &mut self.bits {
            if !but.contains(prefix) && !bit.decided {
                bit.confidence = 0;
            }
        }
    }
}

struct Model {
    rules: Parameters,
    last: Id,
    parents: BTreeMap<Id, Id>,
    rivals: BTreeMap<Id, Rivals>,
    accepted: BTreeSet<Id>,
    rejected: BTreeSet<Id>,
}

impl Model {
    fn new(rules: Parameters) -> Self {
        let genesis = Id::default();
        Self {
            rules,
            last: genesis,
            parents: BTreeMap::new(),
            rivals: BTreeMap::new(),
            accepted: [genesis].into(),
            rejected: BTreeSet::new(),
        }
    }

    fn add(&mut self, id: Id, parent: Id) {
        self.parents.insert(id, parent);
        self.rivals.entry(parent).or_default().add(&id);
    }

    fn processing(&self, id: &Id) -> bool {
        self.parents.contains_key(id) && !self.accepted.contains(id) && !self.rejected.contains(id)
    }

    fn poll(&mut self, votes: &Bag) {
        let mut counts = BTreeMap::<Id, u32>::new();
        for (id, count) in votes.iter().filter(|(id, _)| self.processing(id)) {
            let mut at = id;
            while at != self.last {
                *counts.entry(at).or_default() += count;
                at = self.parents[&at];
            }
        }
        let mut polled = BTreeSet::new();
        let mut at = self.last;
        loop {
            let children: BTreeMap<Id, u32> = counts
                .iter()
                .filter(|(id, _)| self.parents[*id] == at)
                .map(|(id, n)| (*id, *n))
                .collect();
            let total: u32 = children.values().sum();
            let Some(rivals) = self
                .rivals
                .get_mut(&at)
                .filter(|_| total >= self.rules.alpha_preference)
            else {
                break;
            };
            rivals.poll(&children, &self.rules);
            polled.insert(at);
            let heavy = children
                .iter()
                .find(|(_, n)| **n >= self.rules.alpha_preference);
            let Some((next, _)) = heavy else { break };
            at = *next;
        }
        for (id, rivals) in &mut self.rivals {
            if !polled.contains(id) {
                rivals.miss(&BTreeSet::new());
            }
        }
        while self.rivals.get(&self.last).is_some_and(Rivals::decided)
            && polled.contains(&self.last)
        {
            let path = self.rivals[&self.last].path();
            let old = self.last;
            let known: Vec<Id> = self
                .parents
                .keys()
                .copied()
                .filter(|id| self.processing(id))
                .collect();
            self.last = *known
                .iter()
                .find(|id| self.parents[*id] == old && bits(id) == path)
                .unwrap();
            self.accepted.insert(self.last);
            for id in known {
                let mut up = id;
                while up != self.last && self.parents.contains_key(&up) && up != old {
                    up = self.parents[&up];
                }
                if up != self.last {
                    self.rejected.insert(id);
                }
            }
        }
    }

    fn preference(&self) -> Id {
        let mut at = self.last;
        while let Some(rivals) = self.rivals.get(&at) {
            let path = rivals.path();
            let Some(next) = self
                .parents
                .keys()
                .find(|id| self.parents[*id] == at && bits(id) == path)
            else {
                break;
            };
            at = *next;
        }
        at
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// A block on the block at this place of all so far.
    Add(usize),
    /// A poll: blocks by place, with counts; half of them near the newest.
    Poll(Vec<(usize, u32)>),
    /// A unanimous poll for the preference.
    Agree,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => any::<usize>().prop_map(Step::Add),
        3 => prop::collection::vec((any::<usize>(), 1u32..5), 0..3).prop_map(Step::Poll),
        1 => Just(Step::Agree),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn the_chain_agrees_with_the_model(
        steps in prop::collection::vec(step(), 1..80),
        beta in 1u32..4,
        confidence in 3u32..6,
    ) {
        let rules = Parameters {
            k: 5, alpha_preference: 3, alpha_confidence: confidence, beta, concurrent_polls: 1,
            max_outstanding_items: 1000,
        };
        let mut chain = Chain::new(rules, Id::default(), 0).unwrap();
        let mut model = Model::new(rules);
        let mut all = vec![(Id::default(), 0u64)];
        for (n, step) in steps.into_iter().enumerate() {
            match step {
                Step::Add(place) => {
                    let (parent, height) = all[place % all.len()];
                    let block = Block { parent, height: height + 1, payload: vec![n as u8] };
                    let open = parent == model.last || model.processing(&parent);
                    prop_assert_eq!(chain.add(&block).is_ok(), open);
                    if open {
                        model.add(block.id(), parent);
                        all.push((block.id(), height + 1));
                    }
                }
                Step::Poll(votes) => {
                    let mut left = 5;
                    let mut bag = Bag::new();
                    for (place, count) in votes {
                        let count = count.min(left);
                        left -= count;
                        bag.add(all[place % all.len()].0, count);
                    }
                    bag.add(Id([0xee; 32]), left);
                    chain.record_poll(&bag).unwrap();
                    model.poll(&bag);
                }
                Step::Agree => {
                    let bag: Bag = [(chain.preference(), 5)].into_iter().collect();
                    chain.record_poll(&bag).unwrap();
                    model.poll(&bag);
                }
            }
            prop_assert_eq!(chain.last_accepted(), model.last);
            prop_assert_eq!(chain.preference(), model.preference());
            for (id, _) in &all {
                prop_assert_eq!(chain.is_accepted(id), model.accepted.contains(id));
                prop_assert_eq!(chain.is_rejected(id), model.rejected.contains(id));
                prop_assert_eq!(chain.is_processing(id), model.processing(id));
            }
        }
    }
}

proptest! {
    #[test]
    fn a_chain_of_siblings_is_a_tree(
        steps in prop::collection::vec((any::<bool>(), prop::collection::vec((any::<usize>(), 1u32..6), 0..3)), 1..60),
        beta in 1u32..5,
    ) {
        let rules = Parameters {
            k: 5, alpha_preference: 3, alpha_confidence: 4, beta, concurrent_polls: 1, max_outstanding_items: 100,
        };
        let sibling = |n: usize| Block { parent: Id::default(), height: 1, payload: vec![n as u8] };
        let mut chain = Chain::new(rules, Id::default(), 0).unwrap();
        let mut all = vec![chain.add(&sibling(0)).unwrap()];
        let mut tree = Tree::new(rules, all[0]).unwrap();
        for (add, votes) in steps {
            if add {
                let id = chain.add(&sibling(all.len())).unwrap();
                tree.add(id);
                all.push(id);
            }
            let mut left = 5;
            let mut bag = Bag::new();
            for (place, count) in votes {
                let count = count.min(left);
                left -= count;
                // Half of the votes agree.
                let choice = if place % 2 == 0 { tree.preference() } else { all[place / 2 % all.len()] };
                bag.add(choice, count);
            }
            let decided = chain.record_poll(&bag).unwrap();
            prop_assert_eq!(decided.successful, tree.poll(&bag));
            prop_assert_eq!(chain.preference(), tree.preference());
            prop_assert_eq!(!decided.accepted.is_empty(), tree.finalized());
            if tree.finalized() {
                return Ok(());
            }
        }
    }
}
