//! Small seeded networks agree.

use quern_snow::{Bag, Block, Chain, Core, Id, Parameters};
use rand::{SeedableRng, rngs::StdRng, seq::index};

fn colour(payload: u8) -> Block {
    Block {
        parent: Id::default(),
        height: 1,
        payload: vec![payload],
    }
}

/// Rounds of polls until all honest nodes have decided; the last `fixed` nodes always answer their own colour.
/// Every node prefers its own colour at first.
fn run(colours: &[u8], fixed: usize, parameters: Parameters, seed: u64) -> Vec<Id> {
    let mut rng = StdRng::seed_from_u64(seed);
    let honest = colours.len() - fixed;
    let start = |own: &u8| {
        let mut chain = Chain::new(parameters, Id::default(), 0).unwrap();
        chain.add(&colour(*own)).unwrap();
        let most = colours.iter().copied().max().unwrap();
        (0..=most).filter(|other| other != own).for_each(|other| {
            chain.add(&colour(other)).unwrap();
        });
        chain
    };
    let mut nodes: Vec<Chain> = colours[..honest].iter().map(start).collect();
    let fixed: Vec<Id> = colours[honest..]
        .iter()
        .map(|own| colour(*own).id())
        .collect();
    for _ in 0..10_000 {
        for asker in 0..honest {
            let votes: Bag = index::sample(&mut rng, colours.len(), parameters.k as usize)
                .into_iter()
                .map(|asked| match nodes.get(asked) {
                    Some(node) => (node.preference(), 1),
                    None => (fixed[asked - honest], 1),
                })
                .collect();
            nodes[asker].record_poll(&votes).unwrap();
        }
        if nodes.iter().all(|node| node.processing() == 0) {
            return nodes.iter().map(Chain::last_accepted).collect();
        }
    }
    panic!("no agreement in 10 000 rounds");
}

#[test]
fn a_hundred_nodes_of_fifty_colours_agree() {
    let colours: Vec<u8> = (0..100).map(|node| node % 50).collect();
    for seed in 0..3 {
        let ends = run(&colours, 0, Parameters::default(), seed);
        assert!(ends.iter().all(|end| *end == ends[0]));
    }
}

#[test]
fn ten_byzantine_blue_do_not_turn_a_red_majority() {
    let (red, blue) = (0, 1);
    let colours = [vec![red; 55], vec![blue; 45]].concat();
    for seed in 0..3 {
        let ends = run(&colours, 10, Parameters::default(), seed);
        assert!(
            ends.iter().all(|end| *end == colour(red).id()),
            "seed {seed}: {ends:?}"
        );
    }
}
