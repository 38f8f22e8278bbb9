//! What fits into a block, by the measured weights, and what a market full of orders costs each block.

use super::{AccountTotal, world::*};
use crate::{configs::RuntimeBlockWeights, money::*, *};
use pallet_audits::WeightInfo as Audit;
use pallet_tasks::WeightInfo as Task;
use pallet_tickets::WeightInfo as Ticket;
use pallet_work::WeightInfo as Work;
use polkadot_sdk::frame_support::{
    assert_noop, assert_ok, dispatch::DispatchClass, traits::OnFinalize, weights::Weight,
};
use quern_market::{
    Order,
    order::{MAX_EVALUATORS, MAX_WORKERS},
};
use std::time::Instant;

/// Features of the development chains' images, in units of 256.
const UNITS: u32 = 4;

fn full() -> u64 {
    RuntimeBlockWeights::get().max_block.ref_time()
}

/// Drawing looks at a bounded number of places: what it weighs holds for 40 960 tickets as for 512.
#[test]
fn drawing_miners_and_a_quorum_takes_a_small_part_of_a_block() {
    let draw = <() as Ticket>::draw;
    for (what, weight) in [
        (
            "assigning miners",
            <() as Task>::assign().saturating_add(draw(MAX_WORKERS)),
        ),
        (
            "drawing auditors",
            <() as Audit>::draw().saturating_add(draw(3)),
        ),
        (
            "drawing evaluators",
            <() as Task>::evaluate().saturating_add(draw(MAX_EVALUATORS)),
        ),
    ] {
        let permille = weight.ref_time() * 1_000 / full();
        println!("{what}: {permille} ‰ of a block");
        assert!(permille <= 60, "{what} takes {permille} ‰ of a block");
    }
}

/// The table of docs/benchmarks.md.
#[test]
fn every_call_fits_into_a_block_many_times() {
    let calls: [(&str, Weight); 17] = [
        ("tickets.buy", <() as Ticket>::buy()),
        ("tickets.renew", <() as Ticket>::renew()),
        ("tickets.retire", <() as Ticket>::retire()),
        ("tickets.withdraw", <() as Ticket>::withdraw()),
        ("tasks.pay_for_task", <() as Task>::pay_for_task()),
        ("tasks.cancel", <() as Task>::cancel()),
        ("tasks.replace", <() as Task>::replace()),
        ("tasks.log_round", <() as Task>::log_round()),
        ("tasks.commit_scores", <() as Task>::commit_scores()),
        (
            "tasks.reveal_scores",
            <() as Task>::reveal_scores().saturating_add(<() as Task>::settle()),
        ),
        ("work.open_run", <() as Work>::open_run()),
        ("work.close_run", <() as Work>::close_run()),
        ("work.submit_proof", <() as Work>::submit_proof(UNITS)),
        ("work.commit_claim", <() as Work>::commit_claim()),
        ("work.reveal_claim", <() as Work>::reveal_claim()),
        ("audits.commit_vote", <() as Audit>::commit_vote()),
        ("audits.reveal_vote", <() as Audit>::reveal_vote()),
    ];
    let limits = RuntimeBlockWeights::get();
    let normal = limits.get(DispatchClass::Normal);
    let room = normal.max_total.unwrap().ref_time();
    for (name, weight) in calls {
        let each = weight.saturating_add(normal.base_extrinsic).ref_time();
        let fit = room / each;
        println!("| `{name}` | {} | {fit} |", weight.ref_time() / 1_000_000);
        assert!(fit >= 5, "{name}: {fit} a block");
    }
}

/// Paid tasks that may be unfinished at a time.
const PLACES: u32 = 1_000;

/// Blocks from an order's submission to its deadline.
const DEADLINE: u32 = 300;

/// Accounts that order.
const CLIENTS: u32 = 10;

fn client(order: u32) -> AccountId {
    AccountId::new([200 + (order % CLIENTS) as u8; 32])
}

/// What blocks of one part of a test did before their first extrinsic.
#[derive(Default)]
struct Openings {
    blocks: u32,
    /// Weight of all hooks: of the heaviest block, and of all together.
    heaviest: u64,
    total: u64,
    /// Tasks that the busiest of the blocks that were counted looked at.
    busiest: usize,
    /// Milliseconds of the slowest block.
    slowest: u128,
}

impl Openings {
    /// Ends the block and opens the next one.
    fn next(&mut self, world: &mut World) {
        AllPalletsWithSystem::on_finalize(world.block);
        world.block += 1;
        // Going through the agenda takes long: one block in sixteen is counted.
        let counted = world.block.is_multiple_of(16);
        let due = |world: &World| {
            pallet_tasks::Agenda::<Runtime>::iter_keys()
                .take_while(|_| counted)
                .filter(|(block, _)| *block <= world.block)
                .count()
        };
        let (before, began) = (due(world), Instant::now());
        let weight = super::open_block(world.block).ref_time();
        self.slowest = self.slowest.max(began.elapsed().as_millis());
        self.busiest = self.busiest.max(before - due(world));
        self.blocks += 1;
        self.heaviest = self.heaviest.max(weight);
        self.total += weight;
    }

    fn print(&self, what: &str) {
        let percent = |weight: u64| weight as f64 * 100. / full() as f64;
        println!(
            "| {what} | {} | {:.1} % | {:.1} % | {} | {} |",
            self.blocks,
            percent(self.total / u64::from(self.blocks)),
            percent(self.heaviest),
            self.busiest,
            self.slowest,
        );
    }
}

/// A thousand orders fill the market; blocks go on as before, and every fee comes back but for its tenth.
#[test]
fn a_market_full_of_orders_burdens_no_block_and_empties_by_itself() {
    let endow = |genesis: &mut RuntimeGenesisConfig| {
        for who in 0..CLIENTS {
            let purse = (client(who), 20_000 * QRN);
            genesis.balances.balances.push(purse);
        }
    };
    let order = || Order {
        deadline: DEADLINE,
        ..order()
    };
    let pay = |number: u32, fee| {
        let client = RuntimeOrigin::signed(client(number));
        Tasks::pay_for_task(client, Box::new(order()), fee)
    };
    with_genesis(&TICKETS, endow, |world| {
        let mut idle = Openings::default();
        // A session ends meanwhile, and tickets get new prices.
        (0..160).for_each(|_| idle.next(world));
        let first = world.block;

        let normal = RuntimeBlockWeights::get()
            .get(DispatchClass::Normal)
            .clone();
        let each = <() as Task>::pay_for_task().saturating_add(normal.base_extrinsic);
        let a_block = normal.max_total.unwrap().ref_time() / each.ref_time();
        let mut filling = Openings::default();
        let mut fees = 0;
        for number in 0..PLACES {
            let fee = Tasks::quote(&order()).unwrap();
            assert_noop!(
                pay(number, fee - 1),
                pallet_tasks::Error::<Runtime>::FeeTooLow
            );
            assert_ok!(pay(number, fee));
            fees += fee;
            if u64::from(number + 1) % a_block == 0 {
                filling.next(world);
            }
        }
        filling.next(world);
        assert_eq!(pallet_tasks::Unfinished::<Runtime>::get(), PLACES);
        assert_eq!(fees, 100 * 1_023 * QRN);
        let too_many = || pallet_tasks::Error::<Runtime>::TooManyTasks;
        assert_noop!(pay(0, 1_000 * QRN), too_many());
        check();

        let mut full_market = Openings::default();
        while world.block < first + DEADLINE {
            full_market.next(world);
        }
        assert_eq!(pallet_tasks::Unfinished::<Runtime>::get(), PLACES);
        assert_noop!(pay(0, 1_000 * QRN), too_many());
        check();

        let mut emptying = Openings::default();
        while pallet_tasks::Unfinished::<Runtime>::get() > 0 {
            emptying.next(world);
            assert!(emptying.blocks <= PLACES + DEADLINE, "some tasks never end");
        }
        check();
        assert_eq!(pallet_tasks::Agenda::<Runtime>::iter().count(), 0);
        let clients: Balance = (0..CLIENTS)
            .map(|who| Balances::free_balance(client(who)))
            .sum();
        assert_eq!(clients, Balance::from(CLIENTS) * 20_000 * QRN - fees / 10);
        let emitted = pallet_rewards::Emitted::<Runtime>::get();
        assert_eq!(Balances::total_issuance(), emitted - fees / 10);
        assert_eq!(System::account_iter_total(), Balances::total_issuance());
        for task in 1..=PLACES {
            let stage = Tasks::task_info(task).map(|task| task.stage);
            assert_eq!(stage, Some(quern_api::market::TaskStage::Expired));
        }

        println!(
            "| market | blocks | hooks, mean | hooks, most | tasks looked at, most | slowest, ms |"
        );
        println!("| --- | --- | --- | --- | --- | --- |");
        for (what, openings) in [
            ("empty", &idle),
            ("filling", &filling),
            ("full", &full_market),
            ("emptying", &emptying),
        ] {
            openings.print(what);
            assert!(openings.busiest <= 1, "{what}: {}", openings.busiest);
            let more = openings.heaviest.saturating_sub(idle.heaviest);
            assert!(more <= full() / 20, "{what}: {more} more than an empty one");
        }
    });
}
