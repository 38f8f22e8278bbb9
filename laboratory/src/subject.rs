//! The library's cores as the simulator drives them: blocks go in and come out by number.
//!
//! A DAG is driven like a chain: at every height its rivals are vertices of one transaction each, which all spend the
//! output of the transaction that was accepted before. A vertex stands on that transaction's vertex and on the one
//! before it.

use quern_snow::{
    Block, Chain, Core, Dag, Error, Flat, Frontier, Id, Output, Parameters, Snowball, Snowflake,
    Transaction, Vertex,
};

use crate::{
    blocks::{Blocks, GENESIS},
    config::Configuration,
};

/// A DAG begins on two vertices; the first stands for both.
const DAG_GENESIS: [Id; 2] = [Id([0; 32]), Id([1; 32])];

/// A core that can be simulated.
pub(crate) trait Subject: Core + Send + Sized {
    /// A core on the block that everybody has accepted.
    fn begin(configuration: &Configuration) -> Result<Self, Error>;

    /// The `rival`-th block on `parent`.
    fn block(blocks: &Blocks, parent: u32, rival: u32) -> Self::Block;

    /// A block's id, and that of what its successors spend.
    fn ids(block: &Self::Block) -> (Id, Id);

    /// The answer that names a block.
    fn choice(blocks: &Blocks, number: u32) -> Self::Choice;

    /// The highest block that an answer names, if it names any.
    fn named(blocks: &Blocks, choice: &Self::Choice) -> Option<u32>;
}

/// Cores over single blocks.
macro_rules! linear {
    ($core:ty) => {
        impl Subject for $core {
            fn begin(configuration: &Configuration) -> Result<Self, Error> {
                Self::new(Parameters::from(configuration.parameters), Id::default(), 0)
            }

            fn block(blocks: &Blocks, parent: u32, rival: u32) -> Block {
                let above = blocks.get(parent);
                Block {
                    parent: above.id,
                    height: u64::from(above.height) + 1,
                    payload: rival.to_le_bytes().to_vec(),
                }
            }

            fn ids(block: &Block) -> (Id, Id) {
                let id = block.id();
                (id, id)
            }

            fn choice(blocks: &Blocks, number: u32) -> Id {
                blocks.get(number).id
            }

            fn named(blocks: &Blocks, choice: &Id) -> Option<u32> {
                blocks.number(choice)
            }
        }
    };
}
linear!(Chain);
linear!(Flat<Snowball<Id>>);
linear!(Flat<Snowflake<Id>>);

impl Subject for Dag {
    fn begin(configuration: &Configuration) -> Result<Self, Error> {
        let numbers = &configuration.parameters;
        Self::new(
            Parameters::from(*numbers),
            numbers.beta_virtuous(),
            &DAG_GENESIS,
        )
    }

    fn block(blocks: &Blocks, parent: u32, rival: u32) -> Vertex {
        let above = blocks.get(parent);
        let second = match parent {
            GENESIS => DAG_GENESIS[1],
            _ => blocks.get(above.parent).id,
        };
        let input = Output {
            transaction: above.made,
            index: 0,
        };
        let transaction = Transaction {
            inputs: vec![input],
            payload: rival.to_le_bytes().to_vec(),
        };
        Vertex {
            parents: vec![above.id, second],
            transactions: vec![transaction],
        }
    }

    fn ids(vertex: &Vertex) -> (Id, Id) {
        let made = vertex.transactions.first().map(Transaction::id);
        (vertex.id(), made.unwrap_or_default())
    }

    fn choice(blocks: &Blocks, number: u32) -> Frontier {
        Frontier::new(vec![blocks.get(number).id]).unwrap_or_default()
    }

    fn named(blocks: &Blocks, choice: &Frontier) -> Option<u32> {
        let numbers = choice.ids().iter().filter_map(|id| blocks.number(id));
        numbers.max_by_key(|number| blocks.get(*number).height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rival_vertices_spend_what_the_one_before_made() {
        let mut blocks = Blocks::new(Id::default());
        let first = Dag::block(&blocks, GENESIS, 0);
        let rival = Dag::block(&blocks, GENESIS, 1);
        let (id, made) = Dag::ids(&first);
        let number = blocks.issue(GENESIS, id, made);
        let second = Dag::block(&blocks, number, 0);
        assert_eq!(first.parents, DAG_GENESIS);
        assert_eq!(first.transactions[0].inputs, rival.transactions[0].inputs);
        assert_eq!(second.parents, [id, DAG_GENESIS[0]]);
        let spent = second.transactions[0].inputs[0].transaction;
        assert_eq!(spent, first.transactions[0].id());
        let mut dag = Dag::begin(&Configuration::default()).unwrap();
        for vertex in [&first, &rival, &second] {
            dag.add(vertex).unwrap();
        }
        assert_eq!(
            Dag::named(&blocks, &Dag::choice(&blocks, number)),
            Some(number)
        );
        assert_eq!(Dag::named(&blocks, &Frontier::default()), None);
    }
}
