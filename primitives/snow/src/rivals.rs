//! Siblings, told apart by the bits in which their ids differ.
//!
//! A binary patricia tree for each parent, all of them in one arena. Only forks are kept: what lies between two of
//! them has nothing to choose.

use alloc::vec::Vec;

use crate::Id;

/// What stands below a block or a side of a fork.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Branch {
    /// One block.
    Block(u32),
    /// Several, which first differ there.
    Fork(u32),
}

#[derive(Clone, Debug)]
struct Fork {
    /// By the bit: clear, set.
    sides: [Branch; 2],
    bit: u16,
    preference: bool,
}

/// The forks of all parents.
#[derive(Clone, Debug, Default)]
pub(crate) struct Forks {
    forks: Vec<Fork>,
    free: Vec<u32>,
}

impl Forks {
    fn fork(&self, index: u32) -> &Fork {
        &self.forks[index as usize]
    }

    /// The preferred of the blocks below `branch`.
    pub(crate) fn preferred(&self, mut branch: Branch) -> u32 {
        loop {
            match branch {
                Branch::Block(block) => return block,
                Branch::Fork(index) => {
                    let fork = self.fork(index);
                    branch = fork.sides[usize::from(fork.preference)];
                }
            }
        }
    }

    /// Adds `block`, whose id is `id`, to those below `root`; what then stands in its place. The new fork prefers the
    /// side that was there before. `name` gives the ids of blocks.
    pub(crate) fn add<'a>(
        &mut self,
        root: Branch,
        block: u32,
        id: &Id,
        name: impl Fn(u32) -> &'a Id,
    ) -> Branch {
        let mut at = root;
        let similar = loop {
            match at {
                Branch::Block(block) => break block,
                Branch::Fork(index) => {
                    let fork = self.fork(index);
                    at = fork.sides[usize::from(id.bit(fork.bit))];
                }
            }
        };
        let bit = id.first_difference(name(similar));
        let (mut at, mut above) = (root, None);
        while let Branch::Fork(index) = at {
            let fork = self.fork(index);
            if fork.bit > bit {
                break;
            }
            let side = usize::from(id.bit(fork.bit));
            above = Some((index, side));
            at = fork.sides[side];
        }
        let side = id.bit(bit);
        let mut sides = [at; 2];
        sides[usize::from(side)] = Branch::Block(block);
        let fork = Fork {
            sides,
            bit,
            preference: !side,
        };
        let index = match self.free.pop() {
            Some(index) => {
                self.forks[index as usize] = fork;
                index
            }
            None => {
                self.forks.push(fork);
                (self.forks.len() - 1) as u32
            }
        };
        match above {
            Some((above, side)) => {
                self.forks[above as usize].sides[side] = Branch::Fork(index);
                root
            }
            None => Branch::Fork(index),
        }
    }

    /// Prefers the other side of the fork at `bit` on the preferred way below `root`.
    pub(crate) fn turn(&mut self, root: Branch, bit: u16) {
        let mut at = root;
        while let Branch::Fork(index) = at {
            let fork = &mut self.forks[index as usize];
            if fork.bit == bit {
                fork.preference = !fork.preference;
                return;
            }
            at = fork.sides[usize::from(fork.preference)];
        }
    }

    /// Takes a fork away; its sides.
    pub(crate) fn remove(&mut self, index: u32) -> [Branch; 2] {
        self.free.push(index);
        self.fork(index).sides
    }
}
