//! One binary instance for every bit in which rival ids differ.
//!
//! A binary patricia tree: unary nodes stand for the bits that all ids below share, binary nodes for a bit in which
//! they differ. A decided node gives way to its child, so the root is always the first undecided bit.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::{Bag, Error, Id, Parameters, id::ID_BITS};

/// Confidence of one node, with one threshold: four bytes instead of a [`crate::Snowflake`].
#[derive(Clone, Copy, Debug, Default)]
struct Confidence(u32);

impl Confidence {
    fn poll(&mut self, rules: &Parameters, count: u32) {
        self.0 = if count >= rules.alpha_confidence {
            self.0.saturating_add(1)
        } else {
            0
        };
    }

    fn decides(self, rules: &Parameters) -> bool {
        self.0 >= rules.beta
    }
}

#[derive(Clone, Debug)]
enum Node {
    Unary(Box<Unary>),
    Binary(Box<Binary>),
}

/// All ids below share bits `from..to`.
#[derive(Clone, Debug)]
struct Unary {
    /// Any id below: only its bits before `to` matter.
    id: Id,
    child: Option<Node>,
    confidence: Confidence,
    from: u16,
    to: u16,
    /// The child has missed a poll.
    reset: bool,
}

/// Ids below differ in bit `bit`.
#[derive(Clone, Debug)]
struct Binary {
    /// Each side's node; after the last bit a leaf of no bits.
    sides: [Node; 2],
    confidence: Confidence,
    bit: u16,
    preference: bool,
    /// The side has missed a poll.
    reset: [bool; 2],
}

fn same(a: &Id, b: &Id, from: u16, to: u16) -> bool {
    (from..to).all(|bit| a.bit(bit) == b.bit(bit))
}

fn first_from(a: &Id, b: &Id, from: u16, to: u16) -> Option<u16> {
    (from..to).find(|bit| a.bit(*bit) != b.bit(*bit))
}

fn sum(votes: &[(Id, u32)]) -> u32 {
    votes
        .iter()
        .fold(0, |total, (_, count)| total.saturating_add(*count))
}

impl Node {
    fn leaf(id: Id, from: u16) -> Self {
        Self::Unary(Box::new(Unary {
            id,
            child: None,
            confidence: Confidence::default(),
            from,
            to: ID_BITS,
            reset: false,
        }))
    }

    /// The first bit that it decides.
    fn start(&self) -> u16 {
        match self {
            Self::Unary(unary) => unary.from,
            Self::Binary(binary) => binary.bit,
        }
    }

    fn preference(&self) -> Id {
        match self {
            Self::Unary(unary) => unary.child.as_ref().map_or(unary.id, Self::preference),
            Self::Binary(binary) => binary.sides[usize::from(binary.preference)].preference(),
        }
    }

    fn finalized(&self, rules: &Parameters) -> bool {
        match self {
            Self::Unary(unary) => unary.confidence.decides(rules),
            Self::Binary(binary) => binary.confidence.decides(rules),
        }
    }

    fn add(self, rules: &Parameters, id: Id) -> Self {
        match self {
            Self::Unary(unary) if unary.confidence.decides(rules) => Self::Unary(unary),
            Self::Unary(unary) => unary.add(rules, id),
            Self::Binary(mut binary) => {
                let bit = binary.bit;
                let add = |node: Self| {
                    let open = same(&node.preference(), &id, bit + 1, node.start());
                    if open { node.add(rules, id) } else { node }
                };
                let [clear, set] = binary.sides;
                binary.sides = if id.bit(bit) {
                    [clear, add(set)]
                } else {
                    [add(clear), set]
                };
                Self::Binary(binary)
            }
        }
    }

    /// Counts votes that agree with all bits before the node's first; the node that then stands in its place.
    fn poll(self, rules: &Parameters, votes: &mut [(Id, u32)], reset: bool) -> (Self, bool) {
        match self {
            Self::Unary(unary) => unary.poll(rules, votes, reset),
            Self::Binary(binary) => binary.poll(rules, votes, reset),
        }
    }
}

impl Unary {
    fn add(mut self: Box<Self>, rules: &Parameters, id: Id) -> Node {
        let Some(bit) = first_from(&self.id, &id, self.from, self.to) else {
            self.child = self.child.map(|child| child.add(rules, id));
            return Node::Unary(self);
        };
        let side = self.id.bit(bit);
        let (from, reset, confidence) = (self.from, self.reset, self.confidence);
        let upper = (bit > from).then_some(Self {
            id: self.id,
            child: None,
            confidence,
            from,
            to: bit,
            reset,
        });
        // What follows the split bit on the old side: the rest of this node, or its child if nothing is left.
        let rest = match self.child.take() {
            Some(child) if bit + 1 == self.to => child,
            child => {
                self.child = child;
                self.from = bit + 1;
                Node::Unary(self)
            }
        };
        let fresh = Node::leaf(id, bit + 1);
        let sides = if side { [fresh, rest] } else { [rest, fresh] };
        let binary = Node::Binary(Box::new(Binary {
            sides,
            confidence,
            bit,
            preference: side,
            reset: [reset; 2],
        }));
        match upper {
            Some(mut upper) => {
                upper.child = Some(binary);
                Node::Unary(Box::new(upper))
            }
            None => binary,
        }
    }

    fn poll(
        mut self: Box<Self>,
        rules: &Parameters,
        votes: &mut [(Id, u32)],
        reset: bool,
    ) -> (Node, bool) {
        if reset {
            self.confidence = Confidence::default();
            self.reset = true;
        }
        let count = sum(votes);
        if count < rules.alpha_preference {
            self.confidence = Confidence::default();
            self.reset = true;
            return (Node::Unary(self), false);
        }
        self.confidence.poll(rules, count);
        if let Some(child) = self.child.take() {
            let (child, _) = child.poll(rules, votes, self.reset);
            if self.confidence.decides(rules) {
                return (child, true);
            }
            self.child = Some(child);
        }
        self.reset = false;
        (Node::Unary(self), true)
    }
}

impl Binary {
    fn poll(
        mut self: Box<Self>,
        rules: &Parameters,
        votes: &mut [(Id, u32)],
        reset: bool,
    ) -> (Node, bool) {
        // Votes for the set bit to the back.
        let bit = self.bit;
        votes.sort_unstable_by_key(|(id, _)| id.bit(bit));
        let border = votes.partition_point(|(id, _)| !id.bit(bit));
        let (clear, set) = votes.split_at_mut(border);
        let side = sum(set) >= rules.alpha_preference;
        let votes = if side { set } else { clear };
        let (won, lost) = (usize::from(side), usize::from(!side));
        if reset {
            self.confidence = Confidence::default();
            self.reset[won] = true;
        }
        self.reset[lost] = true;
        let count = sum(votes);
        if count < rules.alpha_preference {
            self.confidence = Confidence::default();
            self.reset[won] = true;
            return (Node::Binary(self), false);
        }
        if side != self.preference {
            self.confidence = Confidence::default();
            self.preference = side;
        }
        self.confidence.poll(rules, count);
        // A decision below may have fixed bits that some votes lack.
        let [clear, set] = self.sides;
        let (node, other) = if side { (set, clear) } else { (clear, set) };
        let (start, preference) = (node.start(), node.preference());
        let mut open: Vec<(Id, u32)> = votes
            .iter()
            .copied()
            .filter(|(id, _)| same(&preference, id, bit + 1, start))
            .collect();
        let (node, _) = node.poll(rules, &mut open, self.reset[won]);
        if self.confidence.decides(rules) {
            return (node, true);
        }
        self.sides = if side { [other, node] } else { [node, other] };
        self.reset[won] = false;
        (Node::Binary(self), true)
    }
}

/// An instance among ids. [`crate::Chain`] decides each of its blocks as a tree would, without keeping one.
#[derive(Clone, Debug)]
pub struct Tree {
    rules: Parameters,
    root: Option<Node>,
}

impl Tree {
    /// A tree that prefers its one choice.
    ///
    /// # Errors
    /// Parameters out of bounds.
    pub fn new(parameters: Parameters, choice: Id) -> Result<Self, Error> {
        parameters.validate()?;
        Ok(Self {
            rules: parameters,
            root: Some(Node::leaf(choice, 0)),
        })
    }

    /// Adds a choice, unless bits that it lacks are decided. Adding one twice changes nothing.
    pub fn add(&mut self, choice: Id) {
        if let Some(root) = self.root.take() {
            let open = same(&root.preference(), &choice, 0, root.start());
            self.root = Some(if open {
                root.add(&self.rules, choice)
            } else {
                root
            });
        }
    }

    /// Takes in the votes of a poll for choices that were added; whether some bit got αp of them. After the decision
    /// nothing changes.
    pub fn poll(&mut self, votes: &Bag) -> bool {
        if self.finalized() {
            return false;
        }
        let Some(root) = self.root.take() else {
            return false;
        };
        let (start, preference) = (root.start(), root.preference());
        let mut open: Vec<(Id, u32)> = votes
            .iter()
            .filter(|(id, _)| same(&preference, id, 0, start))
            .collect();
        let (root, successful) = root.poll(&self.rules, &mut open, false);
        self.root = Some(root);
        successful
    }

    /// The preferred choice.
    pub fn preference(&self) -> Id {
        self.root.as_ref().map(Node::preference).unwrap_or_default()
    }

    /// Whether every bit is decided.
    pub fn finalized(&self) -> bool {
        self.root
            .as_ref()
            .is_some_and(|root| root.finalized(&self.rules))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(first: u8) -> Id {
        let mut id = Id::default();
        id.0[0] = first;
        id
    }

    fn bag(votes: &[(Id, u32)]) -> Bag {
        votes.iter().copied().collect()
    }

    #[test]
    fn votes_split_at_the_first_difference_and_a_decided_bit_drops_the_other_side() {
        let parameters = Parameters {
            k: 3,
            alpha_preference: 2,
            alpha_confidence: 2,
            beta: 2,
            concurrent_polls: 1,
            ..Parameters::default()
        };
        // Bits from the least significant: 00…, 10…, 11….
        let (a, b, c) = (id(0b00), id(0b01), id(0b11));
        let mut tree = Tree::new(parameters, a).unwrap();
        tree.add(b);
        tree.add(c);
        assert_eq!(tree.preference(), a);
        // One vote each for b and c make αp for their common bit.
        assert!(tree.poll(&bag(&[(b, 1), (c, 1)])));
        assert_eq!(tree.preference(), b);
        assert!(tree.poll(&bag(&[(b, 1), (c, 1)])));
        assert!(!tree.finalized());
        // The first bit is decided: a has lost, and may not come back.
        assert!(!tree.poll(&bag(&[(a, 3)])));
        tree.add(a);
        for _ in 0..2 {
            assert!(!tree.finalized());
            assert!(tree.poll(&bag(&[(c, 2)])));
        }
        assert_eq!((tree.preference(), tree.finalized()), (c, true));
    }

    #[test]
    fn ids_that_differ_in_the_last_bit_are_decided() {
        let parameters = Parameters {
            beta: 1,
            concurrent_polls: 1,
            ..Parameters::default()
        };
        let mut last = Id::default();
        last.0[31] = 0x80;
        let mut tree = Tree::new(parameters, Id::default()).unwrap();
        tree.add(last);
        tree.poll(&bag(&[(last, 15)]));
        assert_eq!((tree.preference(), tree.finalized()), (last, true));
    }
}
