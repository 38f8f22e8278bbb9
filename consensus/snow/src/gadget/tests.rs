use super::network::{Manner, Network, electorate, hash, link};
use super::*;
use crate::peers::{MISSES, QUESTIONS_A_SECOND};
use proptest::prelude::*;

/// Blocks 1..=n, one on the other.
fn grow(network: &mut Network, numbers: std::ops::RangeInclusive<u64>) {
    for n in numbers {
        network.import(&link(n, n - 1, n, n.into()));
    }
}

fn accepted(network: &Network, node: usize) -> Vec<u64> {
    let accepted = network.nodes[node].accepted.iter();
    accepted.map(|(number, _)| *number).collect()
}

#[test]
fn validators_accept_every_block_once_it_is_two_deep() {
    for size in [1, 2, 3, 4, 7, 21] {
        let mut network = Network::new(size, 0, 1);
        grow(&mut network, 1..=5);
        network.run(3);
        for node in 0..size {
            assert_eq!(accepted(&network, node), [1, 2, 3], "{size} validators");
        }
        grow(&mut network, 6..=7);
        network.run(2);
        for node in &network.nodes {
            assert_eq!(node.gadget.root(), (hash(5), 5));
            assert_eq!(node.gadget.processing(), 0);
            assert!(node.blamed.is_empty());
        }
    }
}

#[test]
fn nothing_is_asked_while_nothing_is_to_be_decided() {
    let mut network = Network::new(3, 0, 1);
    grow(&mut network, 1..=2);
    network.run(1);
    let greeted: Vec<usize> = network.nodes.iter().map(|node| node.asked).collect();
    assert_eq!(greeted, [2, 2, 2], "greetings only");
    network.run(20);
    let later: Vec<usize> = network.nodes.iter().map(|node| node.asked).collect();
    assert_eq!(later, greeted, "and no more once everybody is known");
}

#[test]
fn an_observer_follows_and_is_not_asked() {
    let mut network = Network::new(3, 2, 2);
    grow(&mut network, 1..=5);
    network.run(3);
    for observer in 3..5 {
        assert_eq!(accepted(&network, observer), [1, 2, 3]);
        assert!(!network.nodes[observer].gadget.state().authority);
    }
    assert_eq!(network.nodes[0].gadget.state().connected, 3);
}

#[test]
fn a_silent_fifth_delays_and_a_third_stops_polls_until_it_speaks() {
    let mut network = Network::new(5, 0, 3);
    grow(&mut network, 1..=3);
    network.run(2);
    network.nodes[4].manner = Manner::Silent;
    grow(&mut network, 4..=6);
    network.run(20);
    assert_eq!(accepted(&network, 0), [1, 2, 3, 4]);

    network.nodes[3].manner = Manner::Silent;
    grow(&mut network, 7..=9);
    network.run(40);
    let asked = network.nodes[0].asked;
    assert!(!network.nodes[0].gadget.state().polling);
    network.run(4);
    assert!(
        network.nodes[0].asked - asked <= 2,
        "no polls without enough stake"
    );
    assert_eq!(accepted(&network, 0), [1, 2, 3, 4]);

    network.nodes[3].manner = Manner::Honest;
    network.run(30);
    assert_eq!(accepted(&network, 0), [1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn a_partition_stops_acceptance_on_both_sides_and_heals_into_one_chain() {
    let mut network = Network::new(5, 0, 4);
    grow(&mut network, 1..=3);
    network.run(2);
    for a in 0..3 {
        for b in 3..5 {
            network.cut(a, b);
        }
    }
    // Each side sees its own branch on block 3.
    for n in 4..=8 {
        for node in 0..3 {
            let parent = n - 1;
            network.import_at(node, &link(n, parent, n, n.into()));
        }
    }
    for n in 4..=10 {
        for node in 3..5 {
            let parent = if n == 4 { 3 } else { 100 + n - 1 };
            network.import_at(node, &link(100 + n, parent, n, n.into()));
        }
    }
    network.run(20);
    for node in &network.nodes {
        assert!(!node.gadget.state().polling);
        assert_eq!(node.gadget.root(), (hash(1), 1));
    }
    // The longer branch is the heavier one: no poll has moved the preference, so all prefer it at first.
    network.heal();
    for n in 4..=10 {
        for node in 0..3 {
            let parent = if n == 4 { 3 } else { 100 + n - 1 };
            network.import_at(node, &link(100 + n, parent, n, n.into()));
        }
    }
    for n in 4..=8 {
        for node in 3..5 {
            network.import_at(node, &link(n, n - 1, n, n.into()));
        }
    }
    network.run(20);
    for node in &network.nodes {
        assert_eq!(node.gadget.root(), (hash(108), 8));
        assert_eq!(node.gadget.stats().rejected, 3, "blocks 4 to 6");
    }
}

#[test]
fn answers_that_the_authority_has_not_signed_for_the_asker_never_count() {
    for (manner, fault) in [
        (Manner::Forger, Fault::Forged),
        (Manner::Relay(0), Fault::Forged),
        (Manner::Babbler, Fault::Malformed),
    ] {
        let mut network = Network::new(3, 0, 5);
        network.nodes[2].manner = manner;
        let liar = network.nodes[2].peer;
        grow(&mut network, 1..=5);
        network.run(20);
        for node in [0, 1] {
            // Relaying to the victim itself is an answer of its own key: a stranger's.
            let faults: Vec<Fault> = network.nodes[node]
                .blamed
                .iter()
                .map(|(peer, fault)| {
                    assert_eq!(*peer, liar);
                    *fault
                })
                .collect();
            let relayed_to_itself = manner == Manner::Relay(0) && node == 0;
            assert!(relayed_to_itself || faults.contains(&fault), "{manner:?}");
            assert_eq!(
                network.nodes[node].gadget.state().connected,
                2,
                "it speaks for nobody"
            );
            assert!(
                accepted(&network, node).is_empty(),
                "two thirds are too few"
            );
        }
    }
}

#[test]
fn a_partisan_minority_delays_at_most() {
    for seed in 0..5 {
        let mut network = Network::new(7, 0, seed);
        grow(&mut network, 1..=1);
        for n in 2..=6 {
            network.import(&link(n, n - 1, n, n.into()));
        }
        for n in 2..=5 {
            let parent = if n == 2 { 1 } else { 100 + n - 1 };
            network.import(&link(100 + n, parent, n, n.into()));
        }
        network.nodes[6].manner = Manner::Partisan(hash(103));
        network.run(30);
        for node in 0..6 {
            let tips = &network.nodes[node].accepted;
            assert_eq!(tips.last(), Some(&(4, hash(4))), "seed {seed}");
        }
    }
}

#[test]
fn a_set_change_reopens_what_is_not_final_and_only_its_members_count() {
    let mut network = Network::new(4, 0, 6);
    grow(&mut network, 1..=6);
    network.run(3);
    assert_eq!(accepted(&network, 3), [1, 2, 3, 4]);
    network.finalise(2, 2);
    network.elect(1, &[0, 1, 2], (hash(2), 2));
    for n in 3..=6 {
        network.import(&link(n, n - 1, n, n.into()));
    }
    assert_eq!(network.nodes[0].gadget.root(), (hash(2), 2));
    network.run(3);
    for node in 0..4 {
        let state = network.nodes[node].gadget.state();
        assert_eq!((state.set_id, state.total, state.connected), (1, 3, 3));
        assert_eq!(accepted(&network, node), [1, 2, 3, 4, 3, 4]);
        assert_eq!(state.authority, node < 3);
    }

    // A node that has not followed yet neither is believed nor blamed.
    let set = electorate(2, &[0, 1, 2], Some(0));
    let now = network.now;
    network.nodes[0].gadget.elect(set, (hash(4), 4), now);
    for n in 5..=6 {
        network.import_at(0, &link(n, n - 1, n, n.into()));
    }
    grow(&mut network, 7..=7);
    network.run(3);
    assert!(network.nodes.iter().all(|node| node.blamed.is_empty()));
    assert_eq!(network.nodes[0].gadget.state().connected, 1);
    assert_eq!(accepted(&network, 1).last(), Some(&4));
}

#[test]
fn finality_below_the_accepted_block_changes_nothing() {
    let mut network = Network::new(3, 0, 7);
    grow(&mut network, 1..=6);
    network.run(3);
    network.finalise(3, 3);
    network.finalise(2, 2);
    for node in &network.nodes {
        assert_eq!((node.gadget.root(), node.overruled), ((hash(4), 4), 0));
    }
}

#[test]
fn finality_ahead_of_polls_moves_the_root() {
    let mut network = Network::new(3, 0, 8);
    grow(&mut network, 1..=9);
    network.finalise(5, 5);
    assert_eq!(network.nodes[0].gadget.root(), (hash(5), 5));
    network.run(3);
    assert_eq!(accepted(&network, 0), [6, 7]);
    network.finalise(40, 40);
    assert_eq!(network.nodes[0].gadget.root(), (hash(40), 40));
    assert_eq!(network.nodes[0].overruled, 0);
}

#[test]
fn finality_of_another_branch_overrules_polls() {
    let mut network = Network::new(3, 0, 9);
    grow(&mut network, 1..=6);
    network.run(3);
    network.finalise(103, 3);
    for node in &network.nodes {
        assert_eq!((node.overruled, node.gadget.root()), (1, (hash(103), 3)));
    }
    for n in 4..=7 {
        network.import(&link(100 + n, 100 + n - 1, n, n.into()));
    }
    network.run(3);
    let last = network.nodes[1].accepted.last();
    assert_eq!(last, Some(&(5, hash(105))));
}

#[test]
fn the_heavier_branch_is_preferred_until_a_poll_succeeds() {
    let mut network = Network::new(1, 0, 10);
    let gadget = &mut network.nodes[0].gadget;
    let light = [link(1, 0, 1, 1), link(2, 1, 2, 2), link(3, 2, 3, 3)];
    let heavy = [link(11, 0, 1, 5), link(12, 11, 2, 6), link(13, 12, 3, 7)];
    for link in light.iter().chain(&heavy) {
        gadget.imported(link).unwrap();
    }
    assert_eq!(gadget.preference(), hash(11));
    let heaviest = [link(21, 0, 1, 8), link(22, 21, 2, 9), link(23, 22, 3, 10)];
    gadget.tick(Duration::from_secs(1));
    assert_eq!(gadget.stats().successful, 1);
    for link in &heaviest {
        gadget.imported(link).unwrap();
    }
    assert_eq!(gadget.preference(), hash(11), "polls have begun");
    network.run(2);
    assert_eq!(network.nodes[0].accepted, [(1, hash(11))]);
}

#[test]
fn only_a_member_that_is_not_far_behind_answers_and_not_too_often() {
    let mut network = Network::new(3, 1, 11);
    grow(&mut network, 1..=5);
    network.run(3);
    let asker = network.nodes[1].peer;
    let now = network.now + Duration::from_secs(7);
    let query = |set_id, requested, number| Query {
        set_id,
        poll: 1,
        requested: hash(requested),
        requested_number: number,
    };
    let observer = &mut network.nodes[3].gadget;
    assert_eq!(observer.answer(asker, &query(0, 3, 3), now), None);
    let gadget = &mut network.nodes[0].gadget;
    assert_eq!(gadget.answer(asker, &query(1, 3, 3), now), None, "set");
    assert_eq!(gadget.answer(asker, &query(0, 3, 4), now), None, "number");
    gadget.set_syncing(true);
    assert_eq!(gadget.answer(asker, &query(0, 3, 3), now), None, "syncing");
    gadget.set_syncing(false);
    let answers = (0..QUESTIONS_A_SECOND * 2)
        .filter_map(|_| gadget.answer(asker, &query(0, 3, 3), now))
        .count();
    assert_eq!(answers as u32, QUESTIONS_A_SECOND);
}

#[test]
fn an_answer_tells_the_tip_the_asked_height_and_the_last_accepted_block() {
    let mut network = Network::new(3, 0, 12);
    grow(&mut network, 1..=5);
    network.run(3);
    let asker = network.nodes[1].peer;
    let gadget = &mut network.nodes[0].gadget;
    for n in 6..=8 {
        gadget.imported(&link(n, n - 1, n, n.into())).unwrap();
    }
    let mut at = |number| {
        let query = Query {
            set_id: 0,
            poll: 5,
            requested: hash(99),
            requested_number: number,
        };
        gadget
            .answer(asker, &query, Duration::from_secs(99))
            .unwrap()
    };
    let answer = at(5);
    assert_eq!((answer.poll, answer.preferred), (5, hash(6)));
    assert_eq!((answer.accepted, answer.accepted_number), (hash(3), 3));
    let heights = [2, 3, 5, 6, 900].map(|number| at(number).preferred_at_height);
    assert_eq!(heights, [2, 3, 5, 6, 6].map(hash));
}

#[test]
fn a_late_peer_votes_for_what_it_last_accepted_and_then_is_out_of_reach() {
    let mut network = Network::new(3, 0, 13);
    grow(&mut network, 1..=3);
    network.run(2);
    network.nodes[2].manner = Manner::Silent;
    grow(&mut network, 4..=4);
    network.run(1);
    assert_eq!(network.nodes[0].gadget.state().connected, 3);
    network.run(4 * u64::from(MISSES));
    assert_eq!(network.nodes[0].gadget.state().connected, 2);
    assert!(network.nodes[0].gadget.stats().failed > 0);
}

/// A chain of blocks 0..=n under numbers from `first`.
fn parent(hash: &H256) -> Option<H256> {
    let n = hash.to_low_u64_be();
    // 104 stands on 3, everything else on the block before.
    (n > 0).then(|| H256::from_low_u64_be(if n == 104 { 3 } else { n - 1 }))
}

/// A gadget that has accepted blocks 1 to 5 by polls.
fn five_accepted() -> Gadget {
    let mut network = Network::new(1, 0, 14);
    grow(&mut network, 1..=7);
    network.run(2);
    let gadget = network.nodes.remove(0).gadget;
    assert_eq!(gadget.root(), (hash(5), 5));
    gadget
}

fn to(n: u64) -> Limit {
    Limit::To {
        hash: hash(n),
        number: n % 100,
    }
}

#[test]
fn a_vote_goes_up_to_the_highest_accepted_ancestor() {
    let gadget = five_accepted();
    assert_eq!(gadget.limit((hash(7), 7), 0, parent), to(5));
    assert_eq!(gadget.limit((hash(4), 4), 0, parent), to(4));
    assert_eq!(gadget.limit((hash(106), 6), 0, parent), to(3), "a rival");
}

#[test]
fn a_vote_never_goes_below_its_base() {
    let gadget = five_accepted();
    assert_eq!(gadget.limit((hash(9), 9), 7, parent), to(7));
    assert_eq!(gadget.limit((hash(106), 6), 5, parent), to(105));
}

#[test]
fn snow_that_lags_too_far_steps_aside_at_once_and_for_as_long_as_it_lags() {
    let mut gadget = five_accepted();
    let lag = 5 + MAX_LAG;
    assert_eq!(gadget.limit((hash(lag), lag), 0, parent), to(5));
    let target = (hash(lag + 1), lag + 1);
    assert_eq!(gadget.limit(target, 0, parent), Limit::Free);
    // GRANDPA goes on without Snow: its own finality does not count as Snow's progress.
    gadget.finalised(hash(lag), lag);
    assert_eq!(gadget.root(), (hash(lag), lag));
    assert_eq!(gadget.limit(target, lag, parent), Limit::Free);
    let rival = 100 + 4 + MAX_LAG;
    let gadget = five_accepted();
    assert_eq!(
        gadget.limit((hash(rival), rival % 100), 0, parent),
        Limit::Free,
        "a branch that polls decided against"
    );
}

#[test]
fn a_target_whose_ancestors_are_unknown_is_free() {
    let gadget = five_accepted();
    assert_eq!(gadget.limit((hash(7), 7), 0, |_| None), Limit::Free);
}

#[derive(Clone, Debug)]
enum Event {
    Import(u8, u8, u64),
    Finalise(u8, u64),
    Elect(u8, u8, u64),
    Hear(u64, Vec<u8>),
    HearNothing(u64),
    Connect,
    Tick(u16),
    Answer(u64, u8, u64),
    Limit(u8, u64, u64),
}

fn event() -> impl Strategy<Value = Event> {
    let number = 0u64..40;
    prop_oneof![
        4 => (any::<u8>(), any::<u8>(), number.clone()).prop_map(|(a, b, n)| Event::Import(a, b, n)),
        4 => (0u8..60).prop_map(|n| Event::Import(n + 1, n, (n + 1).into())),
        1 => (any::<u8>(), number.clone()).prop_map(|(a, n)| Event::Finalise(a, n)),
        1 => (0u8..60).prop_map(|n| Event::Finalise(n, n.into())),
        1 => (1u8..5, any::<u8>(), number.clone()).prop_map(|(s, a, n)| Event::Elect(s, a, n)),
        2 => (0u64..30, prop::collection::vec(any::<u8>(), 0..300)).prop_map(|(q, b)| Event::Hear(q, b)),
        2 => (0u64..30).prop_map(Event::HearNothing),
        1 => Just(Event::Connect),
        6 => any::<u16>().prop_map(Event::Tick),
        2 => (0u64..3, any::<u8>(), number.clone()).prop_map(|(s, a, n)| Event::Answer(s, a, n)),
        2 => (any::<u8>(), number.clone(), number).prop_map(|(a, n, b)| Event::Limit(a, n, b)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn rivals_end_in_agreement_whoever_sees_which_first(seed: u64, size in 3usize..8, lean in any::<u8>(), steps in 0u32..40) {
        let mut network = Network::new(size, 0, seed);
        network.run(1);
        let one: Vec<Link> = (1..=4).map(|n| link(n, n - 1, n, n.into())).collect();
        let other: Vec<Link> =
            (1..=4).map(|n| link(100 + n, if n == 1 { 0 } else { 100 + n - 1 }, n, n.into())).collect();
        let first_is_one = |node: usize| lean >> (node % 8) & 1 == 0;
        for node in 0..size {
            for link in if first_is_one(node) { &one } else { &other } {
                network.import_at(node, link);
            }
        }
        for _ in 0..steps {
            network.step();
        }
        for node in 0..size {
            for link in if first_is_one(node) { &other } else { &one } {
                // Beside what the node has accepted meanwhile, it is refused.
                let _ = network.nodes[node].gadget.imported(link);
            }
        }
        network.run(4);
        let first = network.nodes.iter().find_map(|node| node.accepted.first().copied());
        for node in &network.nodes {
            // An even split may stay undecided; it never ends in disagreement.
            prop_assert!(node.accepted.is_empty() || node.accepted.first().copied() == first);
        }
    }

}

proptest! {
    #[test]
    fn no_sequence_of_events_breaks_the_gadget(events in prop::collection::vec(event(), 1..120)) {
        let mut network = Network::new(3, 0, 0);
        let gadget = &mut network.nodes[0].gadget;
        let first = gadget.next_question;
        let peer = PeerId::random();
        let mut now = Duration::ZERO;
        let mut finalised = 0;
        for event in events {
            let actions = match event {
                Event::Import(n, parent, number) => {
                    let _ = gadget.imported(&link(n.into(), parent.into(), number, number.into()));
                    Vec::new()
                }
                Event::Finalise(n, number) => {
                    finalised = finalised.max(number);
                    gadget.finalised(hash(n.into()), number)
                }
                Event::Elect(size, n, number) => {
                    let members: Vec<usize> = (0..size.into()).collect();
                    finalised = number;
                    gadget.elect(electorate(1, &members, Some(0)), (hash(n.into()), number), now);
                    Vec::new()
                }
                Event::Hear(question, bytes) => gadget.heard(first.wrapping_add(question), Some(&bytes), now),
                Event::HearNothing(question) => gadget.heard(first.wrapping_add(question), None, now),
                Event::Connect => {
                    gadget.connected(peer, now);
                    Vec::new()
                }
                Event::Tick(millis) => {
                    now += Duration::from_millis(millis.into());
                    gadget.tick(now)
                }
                Event::Answer(set_id, n, number) => {
                    let query = Query { set_id, poll: 0, requested: hash(n.into()), requested_number: number };
                    let _ = gadget.answer(peer, &query, now);
                    Vec::new()
                }
                Event::Limit(n, number, base) => {
                    let limit = gadget.limit((hash(n.into()), number), base.min(number), parent);
                    if let Limit::To { number: limited, .. } = limit {
                        prop_assert!(limited <= number && limited >= base.min(number));
                        prop_assert!(number - limited <= MAX_LAG);
                    }
                    Vec::new()
                }
            };
            prop_assert!(gadget.root().1 >= finalised, "the root is never below finality");
            prop_assert!(gadget.questions.len() <= 100);
            prop_assert_eq!(gadget.admitted.len() as u64, gadget.processing());
            for action in actions {
                if let Action::Accepted { number, .. } = action {
                    prop_assert!(number <= gadget.root().1);
                }
            }
        }
    }
}
