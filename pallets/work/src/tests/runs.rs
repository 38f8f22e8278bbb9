//! Opening and closing runs, and the first ones of a chain.

use super::*;

#[test]
fn a_run_is_opened_with_a_deposit_and_closed_without_loss() {
    with_chain(|| {
        assert_ok!(Work::open_run(signed(&ALICE), TASK, 0));
        assert_eq!(Balances::free_balance(&ALICE), 990);
        let info = Work::run_info(2).unwrap();
        assert_eq!((info.owner, info.accepted, info.ticket), (ALICE, 0, 0));
        assert_ne!(info.seed, Work::run_info(0).unwrap().seed);
        assert_eq!(Work::runs_of(&ALICE).len(), 2);
        assert_noop!(
            Work::close_run(signed(&BOB), 2),
            Error::<Test>::NotTheAuthor
        );
        assert_ok!(Work::close_run(signed(&ALICE), 2));
        assert_eq!(told(), [Told::Opened(TASK, 0, 2), Told::Closed(TASK, 2)]);
        assert_eq!(Balances::free_balance(&ALICE), 1_000);
        assert_noop!(
            Work::close_run(signed(&ALICE), 2),
            Error::<Test>::UnknownRun
        );
    });
}

#[test]
fn opening_a_run_is_refused_without_task_ticket_money_or_room() {
    with_chain(|| {
        let open = |who, task, ticket| Work::open_run(signed(who), task, ticket);
        assert_noop!(open(&ALICE, 2, 0), Error::<Test>::UnknownTask);
        assert_noop!(Work::open_run(RuntimeOrigin::none(), TASK, 0), BadOrigin);
        assert_noop!(open(&ALICE, TASK, 1), Error::<Test>::NotTheTicketsOwner);
        assert_noop!(open(&ALICE, TASK, 3), Error::<Test>::NotTheTicketsOwner);
        assert_noop!(open(&ALICE, TASK, 2), Error::<Test>::NotAMinersTicket);
        assert_noop!(open(&ALICE, PAID, 0), DispatchError::Other("not assigned"));
        assert_ok!(open(&BOB, TASK, 1));
        assert_noop!(open(&BOB, TASK, 1), TokenError::FundsUnavailable);
        assert_ok!(open(&ALICE, TASK, 0));
        assert_ok!(open(&ALICE, TASK, 0));
        assert_noop!(open(&ALICE, TASK, 0), Error::<Test>::TooManyRuns);
    });
}

#[test]
fn the_last_endless_run_a_run_with_vesting_rewards_and_one_under_audit_stay_open() {
    with_chain(|| {
        assert_ok!(Work::open_run(signed(&BOB), PAID, 1));
        set_vesting(5);
        let close = |who, run| Work::close_run(signed(who), run);
        assert_noop!(close(&BOB, 1), Error::<Test>::StillVesting);
        set_vesting(0);
        claimed(&BOB, &claim(1, 0, 8));
        assert_noop!(close(&BOB, 1), Error::<Test>::ClaimPending);
        <Work as Claims<_>>::decided(&claim(1, 0, 8), Outcome::Lapsed, &[]);
        assert_ok!(commit(&BOB, &claim(1, 0, 8)));
        assert_ok!(close(&BOB, 1));
        assert_noop!(close(&ALICE, 0), Error::<Test>::LastRun);
        assert_ok!(close(&BOB, 2));
        assert_noop!(close(&ALICE, 0), Error::<Test>::LastRun);
    });
}

#[test]
fn a_run_of_a_paid_task_ends_with_its_steps() {
    with_chain(|| {
        assert_ok!(Work::open_run(signed(&BOB), PAID, 1));
        let run = run(2);
        assert!(run.admits(15, 32) && !run.admits(16, 32));
    });
}

fn build(noise_rank: u32, runs: Vec<(AccountId32, TaskId, TicketId)>) {
    Limits::set(limits());
    let genesis = crate::GenesisConfig::<Test> { noise_rank, runs };
    TestState::default().execute_with(|| genesis.build());
}

#[test]
#[should_panic(expected = "work: task 0 cannot be mined\n  left: Err(Rank)")]
fn genesis_refuses_a_task_that_nobody_could_mine() {
    build(64, vec![(ALICE, TASK, 0)]);
}

#[test]
fn genesis_refuses_a_noise_rank_that_no_worker_mines() {
    for rank in [1, 2, 3, 12, 48] {
        let built = std::panic::catch_unwind(|| build(rank, vec![(ALICE, TASK, 0)]));
        let reason = *built.unwrap_err().downcast::<String>().unwrap();
        assert_eq!(
            reason,
            "work: the noise rank must be a power of two, at least 4"
        );
    }
    build(MIN_NOISE_RANK, vec![(ALICE, TASK, 0)]);
}

#[test]
#[should_panic(expected = "work: a run in genesis is refused")]
fn genesis_refuses_a_run_with_anothers_ticket() {
    build(RANK, vec![(ALICE, TASK, 1)]);
}

#[test]
#[should_panic(expected = "work: without a run that has no end there may be nothing to mine")]
fn genesis_refuses_to_begin_with_nothing_but_runs_that_end() {
    build(RANK, vec![(BOB, PAID, 1)]);
}

#[test]
#[should_panic(expected = "work: there are runs, but no noise rank")]
fn genesis_refuses_runs_on_a_chain_without_work() {
    build(0, vec![(ALICE, TASK, 0)]);
}

#[test]
fn a_chain_without_work_admits_no_task_and_refuses_every_seal() {
    TestState::default().execute_with(|| {
        let genesis = crate::GenesisConfig::<Test>::default();
        genesis.build();
        assert_eq!(Work::rules(), quern_api::WorkRules::default());
        assert!(Work::rules().admit(&spec()).is_err());
        let verified = Work::verify_seal(H256::zero(), PRE_HASH, &ALICE, &[], 1);
        assert_eq!(verified, Err(SealError::UnknownRun));
    });
}
