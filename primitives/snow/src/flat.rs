//! One n-ary instance over rival blocks.

use alloc::collections::BTreeSet;

use crate::{
    Bag, Block, Core, Decided, Error, Id, Parameters, Snowball, Snowflake, history::History,
};

/// An instance that a [`Flat`] can hold.
pub trait Instance {
    /// An instance that prefers `initial`.
    ///
    /// # Errors
    /// Parameters out of bounds.
    fn start(parameters: &Parameters, initial: Id) -> Result<Self, Error>
    where
        Self: Sized;
    /// Takes in a poll in which `choice` got `count` votes.
    fn poll(&mut self, count: u32, choice: &Id);
    /// Takes in a poll in which nothing got αp votes.
    fn unsuccessful(&mut self);
    /// The preferred choice.
    fn preference(&self) -> Id;
    /// Whether it is decided.
    fn finalized(&self) -> bool;
}

macro_rules! instance {
    ($name:ident) => {
        impl Instance for $name<Id> {
            fn start(parameters: &Parameters, initial: Id) -> Result<Self, Error> {
                Self::with(parameters, initial)
            }
            fn poll(&mut self, count: u32, choice: &Id) {
                Self::poll(self, count, choice);
            }
            fn unsuccessful(&mut self) {
                Self::unsuccessful(self);
            }
            fn preference(&self) -> Id {
                *Self::preference(self)
            }
            fn finalized(&self) -> bool {
                Self::finalized(self)
            }
        }
    };
}
instance!(Snowball);
instance!(Snowflake);

/// One instance over rival blocks on one parent; the first one added is preferred at first.
#[derive(Clone, Debug)]
pub struct Flat<I> {
    parameters: Parameters,
    parent: Id,
    height: u64,
    instance: Option<I>,
    rivals: BTreeSet<Id>,
    history: History,
}

impl<I: Instance> Flat<I> {
    /// Rivals on `parent`, which stands at `height`.
    ///
    /// # Errors
    /// Parameters out of bounds.
    pub fn new(parameters: Parameters, parent: Id, height: u64) -> Result<Self, Error> {
        parameters.validate()?;
        Ok(Self {
            parameters,
            parent,
            height,
            instance: None,
            rivals: BTreeSet::new(),
            history: History::new(parameters.max_outstanding_items),
        })
    }

    fn decided(&self) -> bool {
        self.instance.as_ref().is_some_and(I::finalized)
    }
}

impl<I: Instance> Core for Flat<I> {
    type Block = Block;
    type Choice = Id;

    fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Adds a rival; after the decision there is none to add.
    fn add(&mut self, block: &Block) -> Result<Id, Error> {
        let id = block.id();
        if self.rivals.contains(&id) || self.history.get(&id).is_some() {
            return Err(Error::Duplicate(id));
        }
        if block.parent != self.parent || self.decided() {
            return Err(Error::UnknownParent(block.parent));
        }
        if self.height.checked_add(1) != Some(block.height) {
            return Err(Error::Height(id));
        }
        if self.rivals.len() >= self.parameters.max_outstanding_items as usize {
            return Err(Error::TooManyBlocks(id));
        }
        if self.instance.is_none() {
            self.instance = Some(I::start(&self.parameters, id)?);
        }
        self.rivals.insert(id);
        Ok(id)
    }

    fn record_poll(&mut self, votes: &Bag) -> Result<Decided, Error> {
        if votes.total() > u64::from(self.parameters.k) {
            return Err(Error::TooManyVotes(votes.total()));
        }
        let mut decided = Decided::default();
        let Some(instance) = self
            .instance
            .as_mut()
            .filter(|instance| !instance.finalized())
        else {
            return Ok(decided);
        };
        let known: Bag = votes
            .iter()
            .filter(|(id, _)| self.rivals.contains(id))
            .collect();
        match known.mode() {
            Some((choice, count)) if count >= self.parameters.alpha_preference => {
                instance.poll(count, &choice);
                decided.successful = true;
            }
            _ => instance.unsuccessful(),
        }
        if instance.finalized() {
            let winner = instance.preference();
            self.rivals.remove(&winner);
            decided.rejected.extend(core::mem::take(&mut self.rivals));
            decided.accepted.push(winner);
            decided
                .rejected
                .iter()
                .for_each(|id| self.history.note(*id, false));
            self.history.note(winner, true);
        }
        Ok(decided)
    }

    fn preference(&self) -> Id {
        self.instance.as_ref().map_or(self.parent, I::preference)
    }

    fn is_accepted(&self, id: &Id) -> bool {
        self.history.get(id) == Some(true)
    }

    fn is_processing(&self, id: &Id) -> bool {
        self.rivals.contains(id)
    }

    fn processing(&self) -> usize {
        self.rivals.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mode_of_a_poll_moves_the_instance() {
        let parameters = Parameters {
            k: 3,
            alpha_preference: 2,
            alpha_confidence: 3,
            beta: 2,
            concurrent_polls: 1,
            max_outstanding_items: 3,
        };
        let mut flat = Flat::<Snowball<Id>>::new(parameters, Id::default(), 0).unwrap();
        let mut colour = |payload: u8| {
            let block = Block {
                parent: Id::default(),
                height: 1,
                payload: alloc::vec![payload],
            };
            flat.add(&block).unwrap()
        };
        let (red, blue, green) = (colour(0), colour(1), colour(2));
        assert_eq!(flat.preference(), red);
        let polls = [
            ([blue; 3], blue, true),
            ([green, green, red], blue, true),
            ([green; 3], green, true),
            ([red, green, blue], green, false),
            ([green; 3], green, true),
            ([green; 3], green, true),
        ];
        for (votes, preference, successful) in polls {
            assert_eq!(flat.processing(), 3);
            let bag = votes.into_iter().map(|id| (id, 1)).collect();
            assert_eq!(flat.record_poll(&bag).unwrap().successful, successful);
            assert_eq!(flat.preference(), preference);
        }
        assert!(flat.is_accepted(&green) && flat.processing() == 0);
    }
}
