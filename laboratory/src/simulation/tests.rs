use super::*;
use crate::config::{Strategy, Workload};

fn silent(_: u64, _: u64) {}

fn outcome(configuration: &Configuration) -> Outcome {
    simulate(configuration, false, &mut silent).unwrap().outcome
}

fn byzantine(nodes: u32, strategy: Strategy, seed: u64) -> Configuration {
    let mut configuration = Configuration {
        seed,
        ..Configuration::default()
    };
    configuration.byzantine.nodes = nodes;
    configuration.byzantine.strategy = strategy;
    configuration
}

#[test]
fn a_thousand_nodes_agree() {
    let configuration = Configuration {
        nodes: 1_000,
        ..Configuration::default()
    };
    let outcome = outcome(&configuration);
    assert_eq!((outcome.end, outcome.decided), (End::Decided, 1_000));
    assert!(outcome.agreement && outcome.stall.is_none());
}

/// A tenth of the runs that `quern snow simulate --byzantine 10 --strategy always-other --runs 1000` makes.
#[test]
fn ten_of_a_hundred_that_always_say_the_other_never_split_the_honest() {
    let swept = crate::sweep(&byzantine(10, Strategy::AlwaysOther, 0), 100, &|_| ()).unwrap();
    assert_eq!((swept.agreed, swept.disagreed, swept.stalled), (100, 0, 0));
}

#[test]
fn a_fifth_of_silent_stake_is_slow_and_a_third_stalls_and_says_so() {
    let quick = outcome(&byzantine(10, Strategy::Silent, 1));
    let slow = outcome(&byzantine(20, Strategy::Silent, 1));
    assert_eq!((quick.undecided, slow.undecided), (0, 0));
    assert!(slow.polls > 5 * quick.polls);
    let stalled = outcome(&byzantine(33, Strategy::Silent, 1));
    assert_eq!((stalled.end, stalled.decided), (End::Time, 0));
    assert!(stalled.agreement);
    let stall = stalled.stall.unwrap();
    assert!(
        stall.starts_with("67 of 67 honest nodes are undecided after 60.0 s"),
        "{stall}"
    );
    assert!(stall.contains("33.0 % of the stake is silent"), "{stall}");
}

#[test]
fn a_hundred_nodes_of_fifty_colours_agree() {
    let mut configuration = Configuration::default();
    configuration.workload.rivals = 50;
    let outcome = outcome(&configuration);
    assert!(outcome.agreement && outcome.undecided == 0);
}

#[test]
fn ten_byzantine_blue_do_not_turn_a_red_majority() {
    for seed in 0..5 {
        let mut configuration = byzantine(10, Strategy::Constant, seed);
        configuration.byzantine.rival = 1;
        configuration.workload.shares = vec![55, 35];
        let outcome = outcome(&configuration);
        assert!(outcome.agreement && outcome.undecided == 0, "seed {seed}");
        assert_eq!(outcome.heights[0].rival, 0, "seed {seed}");
    }
}

#[test]
fn every_engine_and_strategy_keeps_agreement() {
    for (name, engine) in EngineName::ALL {
        for (lie, strategy) in Strategy::ALL {
            let mut configuration = byzantine(5, strategy, 3);
            configuration.engine = engine;
            configuration.nodes = 60;
            configuration.workload.shares = vec![2, 1];
            let outcome = outcome(&configuration);
            assert!(outcome.agreement, "{name} {lie}");
            assert_eq!(outcome.undecided, 0, "{name} {lie}: {:?}", outcome.stall);
        }
    }
}

#[test]
fn heights_are_decided_one_after_another() {
    for engine in [EngineName::Chain, EngineName::Dag] {
        let configuration = Configuration {
            engine,
            nodes: 40,
            workload: Workload {
                heights: 5,
                rivals: 3,
                ..Workload::default()
            },
            ..Configuration::default()
        };
        let outcome = outcome(&configuration);
        assert!(outcome.agreement && outcome.undecided == 0);
        let numbers: Vec<u32> = outcome.heights.iter().map(|row| row.height).collect();
        assert_eq!(numbers, [1, 2, 3, 4, 5]);
        assert!(
            outcome
                .heights
                .iter()
                .all(|row| row.nodes == 40 && row.others == 0)
        );
        assert!(outcome.heights.is_sorted_by_key(|row| row.first_us));
    }
}

#[test]
fn the_same_seed_gives_the_same_run_and_another_another() {
    let configuration = byzantine(10, Strategy::Flip, 5);
    let run = |configuration: &Configuration| simulate(configuration, true, &mut silent).unwrap();
    let (first, second) = (run(&configuration), run(&configuration));
    assert_eq!(first, second);
    assert_eq!(first.outcome, outcome(&configuration));
    let other = Configuration {
        seed: 6,
        ..configuration
    };
    assert_ne!(first.record.votes, run(&other).record.votes);
}

#[test]
fn loss_and_a_partition_delay_and_do_not_split() {
    let base = outcome(&Configuration::default());
    let mut lossy = Configuration::default();
    lossy.network.loss_per_million = 50_000;
    let lossy = outcome(&lossy);
    let mut cut = Configuration::default();
    cut.partition.push(crate::network::Partition {
        first: 0,
        count: 50,
        from_us: 0,
        until_us: 5_000_000,
    });
    let cut = outcome(&cut);
    let max = |outcome: &Outcome| outcome.times.unwrap().max_us;
    for outcome in [&base, &lossy, &cut] {
        assert!(outcome.agreement && outcome.undecided == 0);
    }
    assert!(max(&lossy) > max(&base) && max(&cut) > 5_000_000);
}

#[test]
fn a_record_tells_of_every_vote_and_poll_and_stops_at_its_limit() {
    let mut configuration = byzantine(10, Strategy::Silent, 2);
    let run = simulate(&configuration, true, &mut silent).unwrap();
    let record = &run.record;
    assert_eq!(record.polls.len() as u64, run.outcome.polls);
    assert_eq!(record.left_out, 0);
    assert_eq!(record.blocks.len(), 2);
    assert_eq!(
        record
            .blocks
            .iter()
            .map(|block| block.accepted_by)
            .sum::<u32>(),
        90
    );
    let counted = record.votes.iter().filter(|vote| vote.counted).count();
    assert_eq!(counted as u64, run.outcome.votes);
    let answered: u64 = run
        .nodes
        .iter()
        .map(|row| row.prefer + row.accept + row.reject)
        .sum();
    let cells = (0..100).flat_map(|asker| (0..100).map(move |voter| (asker, voter)));
    let matrix: u64 = cells.map(|(a, v)| u64::from(record.matrix.get(a, v))).sum();
    assert_eq!(answered, matrix);
    assert!(
        run.nodes[90..]
            .iter()
            .all(|row| row.asked == row.nothing && row.role == "silent")
    );
    let last = record.states.last().unwrap();
    assert!(
        last.nodes[..90]
            .iter()
            .all(|state| state.unwrap().height == 1)
    );
    assert!(
        last.nodes[..90]
            .iter()
            .all(|state| state.unwrap().confidence == 20)
    );
    assert!(last.nodes[90..].iter().all(Option::is_none));
    configuration.limits.rows = 10;
    let short = simulate(&configuration, true, &mut silent).unwrap();
    assert_eq!(
        (short.record.votes.len(), short.record.polls.len()),
        (10, 10)
    );
    assert!(short.record.left_out > 0 && short.outcome.votes == run.outcome.votes);
}

#[test]
fn a_run_that_takes_too_long_ends_with_its_reason() {
    let mut configuration = Configuration::default();
    configuration.limits.events = 100;
    let spent = outcome(&configuration);
    assert_eq!(
        (spent.end, spent.events, spent.undecided),
        (End::Events, 100, 100)
    );
    configuration.limits.events = 1_000_000;
    configuration.limits.time_us = 1_000;
    assert_eq!(outcome(&configuration).end, End::Time);
}

#[test]
fn one_node_decides_alone_and_hears_only_itself() {
    let configuration = Configuration {
        nodes: 1,
        ..Configuration::default()
    };
    let outcome = outcome(&configuration);
    assert!(outcome.agreement && outcome.decided == 1);
}

mod properties {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        config::{Distribution, Place},
        network::{Latency, Partition},
    };

    prop_compose! {
        /// Anything small, weak parameters and bad networks among it.
        fn any_configuration()(
            (engine, strategy) in (0usize..5, 0usize..5),
            (nodes, liars, seed) in (1u32..25, 0u32..8, any::<u64>()),
            (k, alpha, beta, concurrent) in (1u32..8, 0u32..4, 1u32..6, 1u32..4),
            (rivals, heights, arrival) in (1u32..6, 1u32..5, any::<bool>()),
            (loss, min_us, spread) in (0u32..400_000, 0u64..30_000, 0u64..90_000),
            (latency, stake, first) in (0usize..3, 0usize..3, any::<bool>()),
            cut in prop::option::of((0u32..25, 0u64..300_000, 1u64..900_000)),
        ) -> Configuration {
            let mut configuration = Configuration {
                engine: EngineName::ALL[engine].1,
                seed,
                nodes,
                ..Configuration::default()
            };
            let numbers = &mut configuration.parameters;
            numbers.k = k;
            numbers.alpha_preference = (k / 2 + 1 + alpha / 2).min(k);
            numbers.alpha_confidence = (numbers.alpha_preference + alpha % 2).min(k);
            numbers.beta = beta;
            numbers.concurrent_polls = concurrent.min(beta);
            numbers.max_outstanding_items = 8;
            let workload = &mut configuration.workload;
            workload.rivals = rivals;
            workload.heights = if engine < 3 { 1 } else { heights };
            workload.start = if arrival { Start::Arrival } else { Start::Shares };
            configuration.byzantine.nodes = liars.min(nodes - 1);
            configuration.byzantine.strategy = crate::config::Strategy::ALL[strategy].1;
            configuration.byzantine.rival = seed as u32 % rivals;
            configuration.byzantine.place = if first { Place::First } else { Place::Last };
            configuration.stake.distribution =
                [Distribution::Equal, Distribution::Linear, Distribution::Zipf][stake];
            let network = &mut configuration.network;
            network.latency = [Latency::Constant, Latency::Uniform, Latency::Tail][latency];
            (network.min_us, network.max_us) = (min_us, min_us + spread);
            network.loss_per_million = loss;
            configuration.partition = cut
                .map(|(first, from_us, length)| Partition {
                    first: first % nodes,
                    count: 1,
                    from_us,
                    until_us: from_us + length,
                })
                .into_iter()
                .collect();
            configuration.limits.time_us = 3_000_000;
            configuration.limits.events = 60_000;
            configuration
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn no_configuration_makes_an_engine_refuse_and_the_sums_agree(configuration in any_configuration()) {
            let run = simulate(&configuration, true, &mut silent).unwrap();
            let outcome = &run.outcome;
            prop_assert_eq!(outcome.decided + outcome.undecided, configuration.honest());
            prop_assert_eq!(outcome.stall.is_some(), outcome.undecided > 0);
            prop_assert_eq!(outcome.end == End::Decided, outcome.undecided == 0);
            let others: u64 = outcome.heights.iter().map(|row| u64::from(row.others)).sum();
            prop_assert_eq!(others, outcome.disagreements);
            let record = &run.record;
            prop_assert_eq!(record.polls.len() as u64, outcome.polls);
            let counted = record.votes.iter().filter(|vote| vote.counted).count();
            prop_assert_eq!(counted as u64, outcome.votes);
            let asked: u64 = run.nodes.iter().map(|row| row.asked).sum();
            prop_assert_eq!(record.votes.len() as u64, asked);
            for row in &run.nodes {
                prop_assert_eq!(row.asked, row.prefer + row.accept + row.reject + row.nothing);
            }
            let beta = configuration.parameters.beta;
            prop_assert!(record.polls.iter().all(|poll| poll.confidence <= beta));
        }
    }
}
