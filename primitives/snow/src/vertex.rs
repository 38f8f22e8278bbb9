//! What a DAG is made of.

use alloc::{collections::BTreeSet, vec::Vec};

use blake2::{Blake2b, Digest, digest::consts::U32};
use codec::{Decode, Encode};

use crate::{Error, Id};

/// Fewest parents of a vertex; only genesis vertices have none.
pub const MIN_PARENTS: usize = 2;

/// Most parents of a vertex.
pub const MAX_PARENTS: usize = 16;

/// Most transactions in a vertex.
pub const MAX_TRANSACTIONS: usize = 64;

/// Most outputs that a transaction spends.
pub const MAX_INPUTS: usize = 64;

/// Most vertices in a [`Frontier`].
pub const MAX_FRONTIER: usize = 1024;

/// An output of a transaction. Two transactions that spend the same one conflict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct Output {
    /// The transaction that made it.
    pub transaction: Id,
    /// Which of that transaction's outputs.
    pub index: u32,
}

/// A transaction.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Transaction {
    /// What it spends, nothing twice.
    pub inputs: Vec<Output>,
    /// What it carries; engines read and keep none of it.
    pub payload: Vec<u8>,
}

impl Transaction {
    /// BLAKE2b-256 of the SCALE encoding.
    pub fn id(&self) -> Id {
        Id(Blake2b::<U32>::digest(self.encode()).into())
    }
}

/// Transactions and what they stand on. Its id commits to both.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Vertex {
    /// Ids of the parents, none twice.
    pub parents: Vec<Id>,
    /// Transactions, none twice, without conflicts, each behind those whose outputs it spends.
    pub transactions: Vec<Transaction>,
}

impl Vertex {
    /// BLAKE2b-256 of the SCALE encoding.
    pub fn id(&self) -> Id {
        Id(Blake2b::<U32>::digest(self.encode()).into())
    }

    /// Checks what the vertex alone can tell; the ids of its transactions.
    ///
    /// # Errors
    /// [`Error::Parents`] or [`Error::Transactions`] with `id`.
    pub(crate) fn check(&self, id: Id) -> Result<Vec<Id>, Error> {
        let parents: BTreeSet<&Id> = self.parents.iter().collect();
        let known = MIN_PARENTS..=MAX_PARENTS;
        if parents.len() != self.parents.len() || !known.contains(&parents.len()) {
            return Err(Error::Parents(id));
        }
        let refused = Error::Transactions(id);
        if !(1..=MAX_TRANSACTIONS).contains(&self.transactions.len()) {
            return Err(refused);
        }
        let mut spent = BTreeSet::new();
        for transaction in &self.transactions {
            let fresh = transaction.inputs.iter().all(|input| spent.insert(*input));
            if transaction.inputs.len() > MAX_INPUTS || !fresh {
                return Err(refused);
            }
        }
        let ids: Vec<Id> = self.transactions.iter().map(Transaction::id).collect();
        let mut ahead: BTreeSet<Id> = ids.iter().copied().collect();
        if ahead.len() != ids.len() {
            return Err(refused);
        }
        for (id, transaction) in ids.iter().zip(&self.transactions) {
            let made = |input| !ahead.contains(input);
            if !transaction.inputs.iter().map(|i| &i.transaction).all(made) {
                return Err(refused);
            }
            ahead.remove(id);
        }
        Ok(ids)
    }
}

/// All vertices that a voter prefers, told by those without preferred children: a vote for one counts for its
/// ancestors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier(Vec<Id>);

impl Frontier {
    /// The vertices in any order, doubles taken out.
    ///
    /// # Errors
    /// More than [`MAX_FRONTIER`].
    pub fn new(mut ids: Vec<Id>) -> Result<Self, Error> {
        if ids.len() > MAX_FRONTIER {
            return Err(Error::Frontier(ids.len()));
        }
        ids.sort_unstable();
        ids.dedup();
        Ok(Self(ids))
    }

    /// Ascending, without doubles.
    pub fn ids(&self) -> &[Id] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    fn spend(index: u32) -> Transaction {
        Transaction {
            inputs: vec![Output {
                transaction: Id::default(),
                index,
            }],
            payload: Vec::new(),
        }
    }

    fn check(parents: Vec<Id>, transactions: Vec<Transaction>) -> Result<(), Error> {
        let vertex = Vertex {
            parents,
            transactions,
        };
        vertex.check(Id::default()).map(|_| ())
    }

    #[test]
    fn a_vertex_has_two_to_sixteen_different_parents() {
        let parents = |count| (0..count).map(|n| Id([n; 32])).collect::<Vec<_>>();
        let refused = Err(Error::Parents(Id::default()));
        assert_eq!(check(parents(2), vec![spend(0)]), Ok(()));
        assert_eq!(check(parents(16), vec![spend(0)]), Ok(()));
        assert_eq!(check(parents(1), vec![spend(0)]), refused);
        assert_eq!(check(parents(17), vec![spend(0)]), refused);
        assert_eq!(check(vec![Id::default(); 2], vec![spend(0)]), refused);
    }

    #[test]
    fn a_vertex_carries_transactions_without_conflict_in_their_order() {
        let parents = vec![Id([1; 32]), Id([2; 32])];
        let refused = Err(Error::Transactions(Id::default()));
        let check = |transactions| check(parents.clone(), transactions);
        let child = Transaction {
            inputs: vec![Output {
                transaction: spend(0).id(),
                index: 0,
            }],
            payload: Vec::new(),
        };
        assert_eq!(check(vec![spend(0), child.clone()]), Ok(()));
        assert_eq!(check(vec![child, spend(0)]), refused);
        assert_eq!(check(Vec::new()), refused);
        assert_eq!(check(vec![spend(0), spend(0)]), refused);
        let empty = Transaction {
            inputs: Vec::new(),
            payload: Vec::new(),
        };
        assert_eq!(check(vec![empty.clone(), empty]), refused);
        let rival = Transaction {
            payload: vec![1],
            ..spend(0)
        };
        assert_eq!(check(vec![spend(0), rival]), refused);
        let greedy = Transaction {
            inputs: (0..65).flat_map(|n| spend(n).inputs).collect(),
            payload: Vec::new(),
        };
        assert_eq!(check(vec![greedy]), refused);
        assert_eq!(check((0..65).map(spend).collect()), refused);
    }

    #[test]
    fn a_frontier_has_one_form_and_a_bound() {
        let (a, b) = (Id([1; 32]), Id([2; 32]));
        let frontier = Frontier::new(vec![b, a, b]).unwrap();
        assert_eq!(frontier.ids(), [a, b]);
        assert_eq!(Frontier::new(vec![a; 1025]), Err(Error::Frontier(1025)));
    }
}
