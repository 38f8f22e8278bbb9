//! What fits into a block, by the measured weights.

use crate::configs::RuntimeBlockWeights;
use pallet_audits::WeightInfo as Audit;
use pallet_tasks::WeightInfo as Task;
use pallet_tickets::WeightInfo as Ticket;
use pallet_work::WeightInfo as Work;
use polkadot_sdk::frame_support::{dispatch::DispatchClass, weights::Weight};
use quern_market::order::{MAX_EVALUATORS, MAX_WORKERS};

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
        ("tasks.reveal_scores", <() as Task>::reveal_scores()),
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
