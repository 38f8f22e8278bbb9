use alloc::vec;

use super::*;

const GENESIS: [Id; 2] = [Id([1; 32]), Id([2; 32])];

fn dag(k: u32, alpha: u32, beta_virtuous: u32, beta: u32) -> Dag {
    let parameters = Parameters {
        k,
        alpha_preference: alpha,
        alpha_confidence: alpha,
        beta,
        concurrent_polls: 1,
        max_outstanding_items: 8,
    };
    Dag::new(parameters, beta_virtuous, &GENESIS).unwrap()
}

fn output(transaction: Id, index: u32) -> Output {
    Output { transaction, index }
}

fn spend(output: Output, payload: u8) -> Transaction {
    Transaction {
        inputs: vec![output],
        payload: vec![payload],
    }
}

fn vertex(parents: &[Id], transactions: &[&Transaction]) -> Vertex {
    Vertex {
        parents: parents.to_vec(),
        transactions: transactions.iter().copied().cloned().collect(),
    }
}

fn bag(votes: &[&[Id]]) -> Bag<Frontier> {
    let frontier = |ids: &&[Id]| (Frontier::new(ids.to_vec()).unwrap(), 1);
    votes.iter().map(frontier).collect()
}

fn coin() -> Output {
    output(Id([9; 32]), 0)
}

#[test]
fn of_two_that_conflict_the_one_with_two_polls_is_accepted() {
    let mut dag = dag(2, 2, 1, 2);
    let (tx0, tx1) = (spend(coin(), 0), spend(coin(), 1));
    let v0 = dag.add(&vertex(&GENESIS, &[&tx0])).unwrap();
    let v1 = dag.add(&vertex(&GENESIS, &[&tx1])).unwrap();
    assert_eq!(dag.preference().ids(), [v0]);
    dag.record_poll(&bag(&[&[v1], &[v1]])).unwrap();
    assert_eq!(dag.transaction(&tx1.id()), None);
    assert_eq!((dag.preference().ids(), dag.processing()), (&[v1][..], 2));
    let decided = dag.record_poll(&bag(&[&[v1], &[v1]])).unwrap();
    assert_eq!(
        (&decided.accepted, &decided.rejected),
        (&vec![v1], &vec![v0])
    );
    assert_eq!(decided.transactions, [(tx1.id(), true), (tx0.id(), false)]);
    assert_eq!(dag.transaction(&tx1.id()), Some(true));
    assert_eq!(dag.transaction(&tx0.id()), Some(false));
    assert!(dag.is_accepted(&v1) && dag.is_rejected(&v0) && dag.processing() == 0);
}

#[test]
fn who_votes_for_two_that_conflict_counts_for_neither() {
    let mut dag = dag(2, 2, 1, 1);
    let (tx0, tx1) = (spend(coin(), 0), spend(coin(), 1));
    let free = spend(output(coin().transaction, 1), 0);
    let v0 = dag.add(&vertex(&GENESIS, &[&tx0, &free])).unwrap();
    let v1 = dag.add(&vertex(&GENESIS, &[&tx1])).unwrap();
    let decided = dag.record_poll(&bag(&[&[v0, v1], &[v0]])).unwrap();
    // Both carried the free one.
    assert_eq!(decided.transactions, [(free.id(), true)]);
    assert!(dag.is_processing_transaction(&tx0.id()) && dag.is_processing_transaction(&tx1.id()));
    assert!(decided.successful && decided.accepted.is_empty());
}

#[test]
fn without_a_conflict_fewer_polls_are_enough_and_a_failed_one_starts_again() {
    let mut dag = dag(2, 2, 2, 3);
    let lone = spend(coin(), 0);
    let v0 = dag.add(&vertex(&GENESIS, &[&lone])).unwrap();
    let v1 = dag
        .add(&vertex(&[v0, GENESIS[0]], &[&spend(output(v0, 7), 0)]))
        .unwrap();
    let (yes, no) = (bag(&[&[v1], &[v1]]), bag(&[&[v1], &[]]));
    for (votes, accepted) in [(&yes, 0), (&no, 0), (&yes, 0), (&yes, 2)] {
        // A vote for the child is one for its parent.
        assert_eq!(dag.record_poll(votes).unwrap().accepted.len(), accepted);
    }
    let (tx0, tx1) = (spend(output(v0, 0), 0), spend(output(v0, 0), 1));
    let v2 = dag.add(&vertex(&GENESIS, &[&tx0])).unwrap();
    dag.add(&vertex(&GENESIS, &[&tx1])).unwrap();
    let votes = bag(&[&[v2], &[v2]]);
    for accepted in [0, 0, 1] {
        assert_eq!(dag.record_poll(&votes).unwrap().accepted.len(), accepted);
    }
}

#[test]
fn what_spends_from_a_loser_is_lost_and_what_only_stood_on_it_may_come_again() {
    let mut dag = dag(1, 1, 1, 1);
    let (tx0, tx1) = (spend(coin(), 0), spend(coin(), 1));
    let child = spend(output(tx0.id(), 0), 0);
    let stranger = spend(output(coin().transaction, 5), 0);
    let v0 = dag.add(&vertex(&GENESIS, &[&tx0])).unwrap();
    let v1 = dag.add(&vertex(&GENESIS, &[&tx1])).unwrap();
    let v2 = dag.add(&vertex(&GENESIS, &[&child])).unwrap();
    let v3 = dag.add(&vertex(&[v0, GENESIS[0]], &[&stranger])).unwrap();
    let decided = dag.record_poll(&bag(&[&[v1]])).unwrap();
    assert_eq!(decided.accepted, [v1]);
    assert!([v0, v2, v3].iter().all(|v| dag.is_rejected(v)));
    assert_eq!(dag.transaction(&child.id()), Some(false));
    assert_eq!(dag.transaction(&stranger.id()), None);
    assert!(!dag.is_processing_transaction(&stranger.id()));
    let again = dag.add(&vertex(&dag.parents(2), &[&stranger])).unwrap();
    dag.record_poll(&bag(&[&[again]])).unwrap();
    assert_eq!(dag.transaction(&stranger.id()), Some(true));
}

#[test]
fn a_transaction_in_no_preferred_vertex_is_an_orphan_until_it_is_carried_again() {
    let mut dag = dag(1, 1, 1, 2);
    let (tx0, tx1) = (spend(coin(), 0), spend(coin(), 1));
    let stranger = spend(output(coin().transaction, 5), 0);
    let v0 = dag.add(&vertex(&GENESIS, &[&tx0])).unwrap();
    let v1 = dag.add(&vertex(&GENESIS, &[&tx1])).unwrap();
    dag.add(&vertex(&[v0, GENESIS[0]], &[&stranger])).unwrap();
    assert_eq!(dag.orphans(), []);
    dag.record_poll(&bag(&[&[v1]])).unwrap();
    assert_eq!(dag.orphans(), [stranger.id()]);
    assert_eq!(dag.parents(2), [v1, GENESIS[1]]);
    let again = dag.add(&vertex(&dag.parents(2), &[&stranger])).unwrap();
    assert_eq!(
        (dag.orphans(), dag.preference().ids()),
        (Vec::new(), &[again][..])
    );
}

#[test]
fn a_transaction_waits_for_what_it_spends() {
    let mut dag = dag(1, 1, 1, 1);
    let first = spend(coin(), 0);
    let second = spend(output(first.id(), 0), 0);
    let v0 = dag.add(&vertex(&GENESIS, &[&first])).unwrap();
    let v1 = dag.add(&vertex(&GENESIS, &[&second])).unwrap();
    assert!(
        dag.record_poll(&bag(&[&[v1]]))
            .unwrap()
            .transactions
            .is_empty()
    );
    let decided = dag.record_poll(&bag(&[&[v0]])).unwrap();
    assert_eq!(
        decided.transactions,
        [(first.id(), true), (second.id(), true)]
    );
    assert_eq!(decided.accepted, [v0, v1]);
}

#[test]
fn bad_vertices_bags_and_parameters_are_refused_by_name_and_change_nothing() {
    let mut dag = dag(1, 1, 1, 1);
    let tx = |n| spend(output(coin().transaction, n), 0);
    let first = vertex(&GENESIS, &[&tx(0)]);
    let id = dag.add(&first).unwrap();
    assert_eq!(dag.add(&first), Err(Error::Duplicate(id)));
    let stray = Id([7; 32]);
    let lost = vertex(&[stray, id], &[&tx(1)]);
    assert_eq!(dag.add(&lost), Err(Error::UnknownParent(stray)));
    let (rival, late) = (spend(coin(), 1), spend(coin(), 2));
    dag.add(&vertex(&GENESIS, &[&rival])).unwrap();
    dag.record_poll(&bag(&[&[id]])).unwrap();
    let refused = dag.add(&vertex(&[id, GENESIS[0]], &[&rival]));
    assert_eq!(refused, Err(Error::Rejected(rival.id())));
    let heir = spend(output(rival.id(), 0), 0);
    assert_eq!(
        dag.add(&vertex(&GENESIS, &[&heir])),
        Err(Error::Rejected(rival.id()))
    );
    assert_eq!(
        dag.add(&vertex(&GENESIS, &[&late])),
        Err(Error::Spent(late.id()))
    );
    let stale = vertex(&[id, GENESIS[0]], &[&tx(0)]);
    assert_eq!(dag.add(&stale), Err(Error::Transactions(stale.id())));
    for n in 1..=6 {
        dag.add(&vertex(&GENESIS, &[&tx(n)])).unwrap();
    }
    let seventh = vertex(&GENESIS, &[&tx(7)]);
    assert_eq!(dag.add(&seventh), Err(Error::TooManyBlocks(seventh.id())));
    for n in 1..=2 {
        dag.add(&vertex(&[id, GENESIS[0]], &[&tx(n)])).unwrap();
    }
    let ninth = vertex(&[id, GENESIS[0]], &[&tx(3)]);
    assert_eq!(dag.add(&ninth), Err(Error::TooManyBlocks(ninth.id())));
    assert_eq!(
        dag.record_poll(&bag(&[&[id], &[]])),
        Err(Error::TooManyVotes(2))
    );
    assert_eq!(dag.processing(), 8);
    let new = |beta, genesis: &[Id]| Dag::new(Parameters::default(), beta, genesis).err();
    for beta in [0, 21] {
        assert_eq!(new(beta, &GENESIS), Some(Error::Parameter("beta_virtuous")));
    }
    for genesis in [&GENESIS[..1], &[stray; 2]] {
        assert_eq!(new(1, genesis), Some(Error::Parameter("genesis")));
    }
}
