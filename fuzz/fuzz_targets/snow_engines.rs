//! Frames have one encoding; whatever blocks, vertices and votes come, engines neither panic nor decide twice.
#![no_main]

use std::collections::BTreeSet;

use libfuzzer_sys::{arbitrary, fuzz_target};
use quern_snow::{
    Bag, Block, Chain, Core, Dag, Decided, Frame, Frontier, Id, Output, Parameters, Transaction,
    Vertex,
};

/// Names are places among the blocks so far, the newest first.
#[derive(arbitrary::Arbitrary, Debug)]
enum Step {
    Block(u8),
    Votes(Vec<(u8, u8)>),
    Vertex([u8; 2], Vec<(u8, u8)>),
    Answers(Vec<(Vec<u8>, u8)>),
}

const RULES: Parameters = Parameters {
    k: 5,
    alpha_preference: 3,
    alpha_confidence: 4,
    beta: 2,
    concurrent_polls: 1,
    max_outstanding_items: 16,
};

fn newest(ids: &[Id], place: u8) -> Id {
    ids[ids.len() - 1 - usize::from(place) % ids.len()]
}

fn decided_once(seen: &mut BTreeSet<Id>, decided: &Decided) {
    for id in decided.accepted.iter().chain(&decided.rejected) {
        assert!(seen.insert(*id));
    }
}

fuzz_target!(|input: (&[u8], Vec<Step>)| {
    let (bytes, steps) = input;
    if let Ok(frame) = Frame::decode(bytes) {
        assert_eq!(&frame.encode()[..], bytes);
    }
    let genesis = [Id([1; 32]), Id([2; 32])];
    let mut chain = Chain::new(RULES, Id::default(), 0).expect("valid rules");
    let mut dag = Dag::new(RULES, 1, &genesis).expect("valid rules");
    let (mut blocks, mut heights) = (vec![Id::default()], vec![0u64]);
    let mut vertices = genesis.to_vec();
    let (mut seen, mut transactions) = (BTreeSet::new(), BTreeSet::new());
    for (n, step) in steps.into_iter().enumerate() {
        match step {
            Step::Block(place) => {
                let at = blocks.len() - 1 - usize::from(place) % blocks.len();
                let block = Block {
                    parent: blocks[at],
                    height: heights[at] + 1,
                    payload: n.to_le_bytes().to_vec(),
                };
                if let Ok(id) = chain.add(&block) {
                    blocks.push(id);
                    heights.push(block.height);
                }
            }
            Step::Votes(votes) => {
                let votes = votes.into_iter();
                let bag: Bag = votes
                    .map(|(place, n)| (newest(&blocks, place), n.into()))
                    .collect();
                if let Ok(decided) = chain.record_poll(&bag) {
                    decided_once(&mut seen, &decided);
                }
            }
            Step::Vertex(parents, coins) => {
                let input = |index| Output {
                    transaction: Id::default(),
                    index,
                };
                let spend = |(coin, payload): (u8, u8)| Transaction {
                    inputs: vec![input(coin.into())],
                    payload: vec![payload],
                };
                // A ledger would know of those that the engine has forgotten.
                let open = |transaction: &Transaction| !transactions.contains(&transaction.id());
                let vertex = Vertex {
                    parents: parents.map(|place| newest(&vertices, place)).to_vec(),
                    transactions: coins.into_iter().map(spend).filter(open).collect(),
                };
                vertices.extend(dag.add(&vertex));
            }
            Step::Answers(answers) => {
                let answer = |(places, n): (Vec<u8>, u8)| {
                    let ids = places.iter().map(|place| newest(&vertices, *place));
                    Some((Frontier::new(ids.collect()).ok()?, u32::from(n)))
                };
                let bag: Bag<Frontier> = answers.into_iter().filter_map(answer).collect();
                if let Ok(decided) = dag.record_poll(&bag) {
                    decided_once(&mut seen, &decided);
                    for (id, _) in decided.transactions {
                        assert!(transactions.insert(id));
                    }
                }
            }
        }
        assert!(chain.processing() <= 16 && dag.processing() <= 16);
    }
});
