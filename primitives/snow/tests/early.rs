//! A poll that ends early decides and prefers what it would have with all answers.

use std::time::Duration;

use proptest::prelude::*;
use quern_snow::{
    Bag, Block, Chain, Core, Dag, Frontier, Id, Output, Parameters, PollSet, Transaction, Vertex,
    Vote,
};

const K: u32 = 7;

fn rules(alpha_preference: u32, alpha_confidence: u32) -> Parameters {
    Parameters {
        k: K,
        alpha_preference,
        alpha_confidence,
        beta: 3,
        concurrent_polls: 1,
        max_outstanding_items: 100,
    }
}

/// Asks seven voters of one slot each and hands them in until the poll ends; what was counted, and all of it.
fn poll<T: Clone + Eq>(rules: Parameters, answers: &[Option<T>]) -> (Bag<T>, Bag<T>) {
    let mut polls = PollSet::new(rules).unwrap();
    let seats: Vec<(u32, u32)> = (0..K).map(|voter| (voter, 1)).collect();
    let poll = polls.open(&seats, Duration::ZERO).unwrap();
    let all = answers.iter().flatten().map(|choice| (choice.clone(), 1));
    for (voter, choice) in (0..K).zip(answers) {
        let vote = Vote {
            poll,
            voter,
            choice: choice.clone(),
        };
        polls.vote(&vote, 1).unwrap();
        if let Some((early, _)) = polls.take() {
            return (early, all.collect());
        }
    }
    unreachable!("all have answered")
}

/// What a voter answers: mostly the preference, else some block by place, or nothing.
fn answers() -> impl Strategy<Value = Vec<Option<Option<usize>>>> {
    let answer = prop_oneof![
        4 => Just(Some(None)),
        4 => (0usize..12).prop_map(|place| Some(Some(place))),
        1 => Just(None),
    ];
    prop::collection::vec(answer, K as usize)
}

fn alphas() -> impl Strategy<Value = Parameters> {
    (4u32..8, 4u32..8).prop_map(|(a, b)| rules(a.min(b), a.max(b)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_chain_does_not_notice(
        rules in alphas(),
        steps in prop::collection::vec((0usize..12, answers()), 1..40),
    ) {
        let mut early = Chain::new(rules, Id::default(), 0).unwrap();
        let mut late = early.clone();
        let mut all = vec![(Id::default(), 0)];
        for (n, (place, answers)) in steps.into_iter().enumerate() {
            let newest = |place: usize| all[all.len() - 1 - place % all.len()];
            let (parent, height) = newest(place);
            let block = Block { parent, height: height + 1, payload: vec![n as u8] };
            prop_assert_eq!(early.add(&block), late.add(&block));
            let own = early.preference();
            let answers: Vec<_> = answers
                .into_iter()
                .map(|answer| answer.map(|place| place.map_or(own, |place| newest(place).0)))
                .collect();
            all.push((block.id(), height + 1));
            let (some, every) = poll(rules, &answers);
            prop_assert_eq!(early.record_poll(&some), late.record_poll(&every));
            prop_assert_eq!(early.preference(), late.preference());
        }
    }

    #[test]
    fn a_dag_does_not_notice(
        rules in alphas(),
        steps in prop::collection::vec((0usize..12, 0u32..4, answers()), 1..40),
    ) {
        let genesis = [Id([1; 32]), Id([2; 32])];
        let mut early = Dag::new(rules, 2, &genesis).unwrap();
        let mut late = early.clone();
        let mut all = genesis.to_vec();
        for (n, (place, coin, answers)) in steps.into_iter().enumerate() {
            let newest = |place: usize| all[all.len() - 1 - place % all.len()];
            let input = Output { transaction: Id::default(), index: n as u32 / 8 * 4 + coin };
            let vertex = Vertex {
                parents: vec![newest(place), newest(place + 1)],
                transactions: vec![Transaction { inputs: vec![input], payload: vec![n as u8] }],
            };
            let added = early.add(&vertex);
            prop_assert_eq!(added, late.add(&vertex));
            let own = early.preference();
            let answers: Vec<_> = answers
                .into_iter()
                .map(|answer| answer.map(|place| match place {
                    None => own.clone(),
                    Some(place) => Frontier::new(vec![newest(place)]).unwrap(),
                }))
                .collect();
            all.extend(added);
            let (some, every) = poll(rules, &answers);
            prop_assert_eq!(early.record_poll(&some), late.record_poll(&every));
            prop_assert_eq!(early.preference(), late.preference());
        }
    }
}
