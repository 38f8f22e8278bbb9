//! Every call, refused: by origin, id, owner, amount, bound, order and time. Nothing changes then.

use super::*;
use frame::deps::sp_runtime::traits::Dispatchable;
use quern_market::{
    order::{MAX_DEADLINE, MAX_EVALUATORS, MAX_NAME, MAX_WORKERS, MILLION},
    ticket::MAX_CONTACT,
};

type Call = crate::Call<Test>;
type Of = Error<Test>;

/// A call that is refused, and how.
type Refused = (&'static str, RuntimeOrigin, Call, DispatchError);

fn refuse(cases: impl IntoIterator<Item = Refused>) {
    for (what, origin, call, error) in cases {
        println!("{what}");
        assert_noop!(RuntimeCall::from(call).dispatch(origin), error);
    }
}

/// The same error for calls of several accounts.
fn all<const N: usize>(calls: [(&'static str, AccountId32, Call); N], error: fn() -> Of) {
    refuse(calls.map(|(what, who, call)| (what, signed(who), call, error().into())));
}

fn pay_for_task(order: Order, fee: u128) -> Call {
    Call::pay_for_task {
        order: Box::new(order),
        fee,
    }
}

fn cancel(task: TaskId) -> Call {
    Call::cancel { task }
}

fn replace(task: TaskId, ticket: TicketId) -> Call {
    Call::replace { task, ticket }
}

fn log_round(task: TaskId, round: u32) -> Call {
    Call::log_round {
        task,
        round,
        digest: [1; 32],
    }
}

fn commit_scores(task: TaskId) -> Call {
    Call::commit_scores {
        task,
        digest: [1; 32],
    }
}

fn reveal_scores(task: TaskId, vote: EvaluationVote) -> Call {
    Call::reveal_scores {
        task,
        vote,
        salt: [1; 32],
    }
}

fn open_commons(spec: TaskSpec) -> Call {
    Call::open_commons {
        spec: Box::new(spec),
    }
}

/// Calls about a task, by who could make them if it were in the right phase.
fn of_task(task: TaskId, ticket: TicketId) -> [(&'static str, AccountId32, Call); 5] {
    let supervisor = account(SUPERVISOR);
    let evaluator = account(EVALUATORS[0]);
    let vote = EvaluationVote::NotServed;
    [
        ("cancel", CLIENT, cancel(task)),
        ("replace", supervisor.clone(), replace(task, ticket)),
        ("log_round", supervisor, log_round(task, 0)),
        ("commit_scores", evaluator.clone(), commit_scores(task)),
        ("reveal_scores", evaluator, reveal_scores(task, vote)),
    ]
}

#[test]
fn only_signed_accounts_call_and_only_governance_opens_commons() {
    with_market(|| {
        assigned(order());
        let bad = || DispatchError::BadOrigin;
        let paying = ("pay_for_task", CLIENT, pay_for_task(order(), 10_000));
        for origin in [RuntimeOrigin::none(), RuntimeOrigin::root()] {
            let of_task = of_task(TASK, task().miners[0].ticket);
            let calls = of_task.into_iter().chain([paying.clone()]);
            refuse(calls.map(|(what, _, call)| (what, origin.clone(), call, bad())));
        }
        for origin in [RuntimeOrigin::none(), signed(CLIENT)] {
            refuse([("open_commons", origin, open_commons(spec()), bad())]);
        }
    });
}

#[test]
fn unknown_and_commons_tasks_are_refused_in_every_call() {
    with_market(|| {
        for task in [0, 1, TaskId::MAX] {
            all(of_task(task, 0), || Of::UnknownTask);
        }
    });
}

#[test]
fn what_belongs_to_others_is_refused_in_every_call() {
    with_market(|| {
        assigned(order());
        let ticket = task().miners[0].ticket;
        let (stranger, client) = (account(2), CLIENT);
        refuse([
            (
                "cancel",
                signed(stranger.clone()),
                cancel(TASK),
                Of::NotTheClient.into(),
            ),
            (
                "no seat",
                signed(account(SUPERVISOR)),
                replace(TASK, 99),
                Of::NotAssigned.into(),
            ),
            (
                "log_round",
                signed(client.clone()),
                log_round(TASK, 0),
                Of::NotTheSupervisor.into(),
            ),
        ]);
        advance(6);
        let late = replace(TASK, ticket);
        all(
            [
                ("a stranger replaces", stranger, late.clone()),
                ("the client replaces", client, late),
            ],
            || Of::NotTheSupervisor,
        );
    });
    with_market(|| {
        evaluating(order());
        let vote = EvaluationVote::NotServed;
        all(
            [
                ("commit", account(2), commit_scores(TASK)),
                ("commit of a miner", account(11), commit_scores(TASK)),
                ("reveal", account(2), reveal_scores(TASK, vote)),
            ],
            || Of::NotDrawn,
        );
    });
}

#[test]
fn fees_of_nothing_too_little_or_more_than_there_is_are_refused() {
    with_market(|| {
        for fee in [0, 1, 99] {
            all([("too low", CLIENT, pay_for_task(order(), fee))], || {
                Of::FeeTooLow
            });
        }
        let poor = || TokenError::FundsUnavailable.into();
        // Ten keep the account alive.
        for fee in [FUNDS - 9, FUNDS, FUNDS + 1, u128::MAX] {
            let call = pay_for_task(order(), fee);
            refuse([("above the balance", signed(CLIENT), call, poor())]);
        }
        let call = pay_for_task(order(), 100);
        refuse([("no account", signed(account(50)), call, poor())]);
        assert_ok!(Tasks::pay_for_task(
            signed(CLIENT),
            Box::new(order()),
            FUNDS - 10
        ));
        assert_eq!(held(&CLIENT), FUNDS - 10);
    });
}

/// A change to an order, and what it is refused with; `None` if it is taken.
type Change = (&'static str, fn(&mut Order), Option<fn() -> Of>);

#[test]
fn orders_are_taken_at_each_bound_and_refused_past_it() {
    let cases: [Change; 32] = [
        ("features", |o| features(o, 0), Some(|| Of::Features)),
        ("features", |o| features(o, 63), Some(|| Of::Rank)),
        ("features", |o| features(o, 65_534), None),
        ("features", |o| features(o, 65_535), Some(|| Of::Features)),
        ("classes", |o| classes(o, 1), Some(|| Of::Classes)),
        ("classes", |o| classes(o, 2), None),
        ("classes", |o| classes(o, 65_535), None),
        ("classes", |o| classes(o, 65_536), Some(|| Of::Classes)),
        ("hidden", |o| hidden(o, &[]), Some(|| Of::Hidden)),
        ("hidden", |o| hidden(o, &[24]), Some(|| Of::Hidden)),
        ("hidden", |o| hidden(o, &[16; 16]), None),
        (
            "parameters",
            |o| hidden(o, &[32_768, 32_768]),
            Some(|| Of::Parameters),
        ),
        (
            "no data",
            |o| o.spec.dataset.row_blocks = 0,
            Some(|| Of::NoData),
        ),
        ("batch", |o| o.spec.batch = 0, Some(|| Of::Batch)),
        ("batch", |o| o.spec.batch = 48, Some(|| Of::Batch)),
        ("batch", |o| o.spec.batch = 65_536, None),
        ("batch", |o| o.spec.batch = 131_072, Some(|| Of::Batch)),
        ("segment", |o| o.spec.segment = 0, Some(|| Of::Segment)),
        ("segment", |o| segment(o, 32), None),
        ("segment", |o| segment(o, 33), Some(|| Of::Segment)),
        (
            "held out",
            |o| o.held_out.row_blocks = 0,
            Some(|| Of::HeldOut),
        ),
        (
            "held out",
            |o| o.held_out.features = 16,
            Some(|| Of::HeldOut),
        ),
        ("steps", |o| o.steps = 0, Some(|| Of::Steps)),
        ("steps", |o| o.steps = u64::MAX, Some(|| Of::Steps)),
        ("steps", |o| o.steps = u64::MAX - 3, None),
        ("workers", |o| o.workers = 0, Some(|| Of::Workers)),
        ("workers", |o| o.workers = MAX_WORKERS, None),
        (
            "workers",
            |o| o.workers = MAX_WORKERS + 1,
            Some(|| Of::Workers),
        ),
        ("evaluators", |o| o.evaluators = 0, Some(|| Of::Evaluators)),
        ("evaluators", |o| o.evaluators = MAX_EVALUATORS, None),
        (
            "evaluators",
            |o| o.evaluators = MAX_EVALUATORS + 1,
            Some(|| Of::Evaluators),
        ),
        ("target", |o| o.target = MILLION + 1, Some(|| Of::Target)),
    ];
    let more: [Change; 12] = [
        ("activations", |o| wide(o, 4_096), None),
        ("activations", |o| wide(o, 8_192), Some(|| Of::Activations)),
        (
            "a verifier's work",
            |o| {
                wide(o, 4_096);
                hidden(o, &[65_536, 512]);
                segment(o, 32);
            },
            Some(|| Of::VoteMacs),
        ),
        (
            "an evaluator's work",
            |o| o.held_out.row_blocks = u32::MAX,
            Some(|| Of::ScoringMacs),
        ),
        (
            "what a verifier fetches",
            |o| o.spec.dataset.row_blocks = u32::MAX,
            Some(|| Of::VoteBytes),
        ),
        (
            "what an evaluator fetches",
            |o| o.held_out.row_blocks = 1 << 25,
            Some(|| Of::ScoringBytes),
        ),
        ("target", |o| o.target = MILLION, None),
        ("deadline", |o| o.deadline = 0, Some(|| Of::Deadline)),
        ("deadline", |o| o.deadline = MAX_DEADLINE, None),
        (
            "deadline",
            |o| o.deadline = MAX_DEADLINE + 1,
            Some(|| Of::Deadline),
        ),
        (
            "name",
            |o| o.name = vec![b'q'; MAX_NAME as usize].try_into().unwrap(),
            None,
        ),
        (
            "name",
            |o| o.name = vec![0xFF].try_into().unwrap(),
            Some(|| Of::Name),
        ),
    ];
    for (what, change, error) in cases.into_iter().chain(more) {
        with_market(|| {
            let mut order = order();
            change(&mut order);
            let quoted = Tasks::quote(&order);
            let call = pay_for_task(order, 10_000);
            match error {
                Some(error) => {
                    assert!(quoted.is_err(), "{what}");
                    all([(what, CLIENT, call)], error);
                }
                None => {
                    assert_eq!(quoted, Ok(100), "{what}");
                    assert_ok!(RuntimeCall::from(call).dispatch(signed(CLIENT)));
                }
            }
        });
    }
}

fn features(order: &mut Order, features: u32) {
    order.spec.dataset.features = features;
    order.held_out.features = features;
}

fn classes(order: &mut Order, classes: u32) {
    order.spec.dataset.classes = classes;
    order.held_out.classes = classes;
}

fn hidden(order: &mut Order, hidden: &[u32]) {
    order.spec.hidden = hidden.to_vec().try_into().unwrap();
}

/// A wide network, and batches of so many rows.
fn wide(order: &mut Order, batch: u32) {
    hidden(order, &[65_536]);
    order.spec.batch = batch;
}

fn segment(order: &mut Order, segment: u32) {
    order.spec.segment = segment;
    order.steps = 2 * u64::from(segment);
}

#[test]
fn what_is_longer_than_a_bound_is_no_call_at_all() {
    let encoded = |order: Order| pay_for_task(order, 100).encode();
    let decodes = |bytes: &[u8]| Call::decode(&mut &bytes[..]).is_ok();
    let named = |length: usize| {
        let mut order = order();
        order.name = vec![b'q'; length].try_into().unwrap();
        encoded(order)
    };
    // The name is the first field: its compact length is that of 64 and 65 in two bytes.
    let most = named(MAX_NAME as usize);
    assert!(decodes(&most));
    let mut longer = most.clone();
    assert_eq!(
        longer[1..3],
        [(MAX_NAME << 2) as u8 | 1, (MAX_NAME >> 6) as u8]
    );
    longer[1] += 4;
    longer.insert(3, b'q');
    assert!(!decodes(&longer));

    let contact = vec![b'a'; MAX_CONTACT as usize];
    let with_contact = Order {
        contact: contact.try_into().unwrap(),
        ..order()
    };
    assert!(decodes(&encoded(with_contact)));
}

#[test]
fn places_beyond_the_last_are_refused_whatever_the_fee() {
    with_market(|| {
        Unfinished::<Test>::put(59);
        let most = pay_for_task(order(), 100 << 9);
        all(
            [("the last", CLIENT, pay_for_task(order(), 51_199))],
            || Of::FeeTooLow,
        );
        assert_ok!(RuntimeCall::from(most.clone()).dispatch(signed(CLIENT)));
        all([("one more", CLIENT, most)], || Of::TooManyTasks);
        Unfinished::<Test>::put(1);
    });
}

#[test]
fn calls_of_another_phase_are_refused() {
    with_market(|| {
        submit(order(), 10_000);
        let [_, training @ .., commit, reveal] = of_task(TASK, 0);
        all(training, || Of::NotTraining);
        all([commit, reveal], || Of::NotEvaluating);
        advance(2);
        let [.., commit, reveal] = of_task(TASK, 0);
        all([commit, reveal], || Of::NotEvaluating);
    });
    with_market(|| {
        assigned(order());
        let runs = open_all();
        let [cancel, _, _, commit, reveal] = of_task(TASK, 0);
        all([cancel], || Of::TooLateToCancel);
        all([commit, reveal], || Of::NotEvaluating);
        for run in &runs {
            accept(*run, 8, 1_000);
        }
        // Trained, but no evaluators are drawn yet.
        let [cancel, training @ .., commit, reveal] = of_task(TASK, 0);
        all([cancel], || Of::TooLateToCancel);
        all(training, || Of::NotTraining);
        all([commit, reveal], || Of::NotEvaluating);
        advance(DRAW_AFTER);
        let [cancel, training @ .., _, _] = of_task(TASK, 0);
        all([cancel], || Of::TooLateToCancel);
        all(training, || Of::NotTraining);
        let vote = scores(&runs, &[40, 40]);
        vote_all(&[vote.clone(), vote.clone(), vote]);
        assert!(task().end().is_some());
        let [cancel, training @ .., commit, reveal] = of_task(TASK, 0);
        all([cancel], || Of::TooLateToCancel);
        all(training, || Of::NotTraining);
        all([commit, reveal], || Of::NotEvaluating);
    });
}

#[test]
fn miners_are_replaced_no_block_too_early_and_once() {
    with_market(|| {
        assigned(order());
        let ticket = task().miners[0].ticket;
        let by = |what, who: u8| [(what, account(who), replace(TASK, ticket))];
        all(by("at once", SUPERVISOR), || Of::NotLate);
        advance(5);
        all(by("in its last block", SUPERVISOR), || Of::NotLate);
        all(by("by another in its last block", 2), || Of::NotLate);
        advance(5);
        all(by("by another once late", 2), || Of::NotTheSupervisor);
        next();
        assert_ok!(Tasks::replace(signed(account(2)), TASK, ticket));
        all(by("twice", SUPERVISOR), || Of::NotAssigned);
    });
}

#[test]
fn no_more_miners_are_replaced_than_may_be() {
    with_market(|| {
        assigned(order());
        let mut full = task();
        while full.former.len() < miner::MAX_FORMER as usize {
            let former = miner::Former {
                owner: account(77),
                macs: 0,
            };
            full.former.try_push(former).unwrap();
        }
        crate::Tasks::<Test>::insert(TASK, full);
        advance(6);
        let ticket = task().miners[0].ticket;
        let call = replace(TASK, ticket);
        all([("one more", account(SUPERVISOR), call)], || {
            Of::TooManyReplaced
        });
    });
}

#[test]
fn rounds_are_logged_one_by_one() {
    with_market(|| {
        assigned(order());
        let log = |what, round| [(what, account(SUPERVISOR), log_round(TASK, round))];
        all(log("skipped", 1), || Of::RoundOutOfOrder);
        all(log("far away", u32::MAX), || Of::RoundOutOfOrder);
        assert_ok!(Tasks::log_round(
            signed(account(SUPERVISOR)),
            TASK,
            0,
            [1; 32]
        ));
        all(log("twice", 0), || Of::RoundOutOfOrder);
    });
}

#[test]
fn votes_come_committed_to_in_time_and_once() {
    with_market(|| {
        let runs = evaluating(order());
        let who = voters();
        let vote = scores(&runs, &[40, 40]);
        let revealed = |what, at: usize, vote: &EvaluationVote| {
            [(what, who[at].clone(), reveal_scores(TASK, vote.clone()))]
        };
        let committed = |what, at: usize| [(what, who[at].clone(), commit_scores(TASK))];
        all(revealed("uncommitted", 0, &vote), || Of::NotCommitted);
        commit(who[0].clone(), &vote);
        all(committed("twice", 0), || Of::AlreadyVoted);
        all(revealed("before the others", 0, &vote), || Of::TooEarly);
        advance(4);
        all(revealed("in their last block", 0, &vote), || Of::TooEarly);
        commit(who[1].clone(), &vote);
        next();
        all(committed("a block late", 2), || Of::TooLate);
        all(revealed("without a digest", 2, &vote), || Of::NotCommitted);
        let wrong: [(&str, EvaluationVote); 5] = [
            ("a run less", scores(&runs[..1], &[40])),
            ("another run", scores(&[runs[0], 99], &[40, 40])),
            ("a run twice", twice(runs[0])),
            ("more than there are", scores(&runs, &[65, 40])),
            ("most", scores(&runs, &[u32::MAX, u32::MAX])),
        ];
        for (what, vote) in &wrong {
            all(revealed(what, 0, vote), || Of::WrongScores);
        }
        let others = [scores(&runs, &[40, 41]), EvaluationVote::NotServed];
        for other in &others {
            all(revealed("another vote", 0, other), || Of::AnotherVote);
        }
        let salted = Tasks::reveal_scores(signed(who[0].clone()), TASK, vote.clone(), [0; 32]);
        assert_noop!(salted, Of::AnotherVote);
        assert_ok!(reveal(who[0].clone(), &vote));
        all(revealed("twice", 0, &vote), || Of::AlreadyVoted);
        let reveal_until = task().ballot().unwrap().reveal_until;
        // The ballot ends by itself in the block after its last: nothing is left to be late for.
        advance(reveal_until - System::block_number() as u32);
        assert!(task().ballot().is_some());
        next();
        assert!(task().ballot().is_none());
        all(revealed("after the end", 1, &vote), || Of::NotEvaluating);
    });
}

/// The same run scored twice.
fn twice(run: RunId) -> EvaluationVote {
    let score = Score { run, correct: 40 };
    EvaluationVote::Scores(vec![score, score].try_into().unwrap())
}

#[test]
fn a_vote_after_the_time_is_late_even_before_the_ballot_is_counted() {
    with_market(|| {
        let runs = evaluating(order());
        let vote = scores(&runs, &[40, 40]);
        let who = voters()[0].clone();
        commit(who.clone(), &vote);
        let reveal_until = task().ballot().unwrap().reveal_until;
        System::set_block_number(u64::from(reveal_until) + 1);
        let call = reveal_scores(TASK, vote);
        all([("late", who, call)], || Of::TooLate);
    });
}

#[test]
fn commons_that_nobody_could_mine_are_refused() {
    with_market(|| {
        let lie = |change: fn(&mut TaskSpec)| {
            let mut spec = spec();
            change(&mut spec);
            open_commons(spec)
        };
        let lies: [(&str, Call, Of); 8] = [
            ("features", lie(|s| s.dataset.features = 0), Of::Features),
            ("classes", lie(|s| s.dataset.classes = 1), Of::Classes),
            ("no data", lie(|s| s.dataset.row_blocks = 0), Of::NoData),
            ("hidden", lie(|s| s.hidden = Default::default()), Of::Hidden),
            (
                "parameters",
                lie(|s| s.hidden = vec![65_536, 65_536].try_into().unwrap()),
                Of::Parameters,
            ),
            ("batch", lie(|s| s.batch = 8), Of::Batch),
            ("segment", lie(|s| s.segment = 33), Of::Segment),
            ("rank", lie(|s| s.dataset.features = 16), Of::Rank),
        ];
        refuse(lies.map(|(what, call, error)| (what, RuntimeOrigin::root(), call, error.into())));
        NextTask::<Test>::put(TaskId::MAX);
        let call = || open_commons(spec());
        let error = || DispatchError::from(Of::TooManyTasks);
        refuse([("no id is left", RuntimeOrigin::root(), call(), error())]);
        let call = pay_for_task(order(), 100);
        refuse([("no id is left", signed(CLIENT), call, error())]);
        NextTask::<Test>::put(1);
    });
}
