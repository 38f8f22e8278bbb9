//! The pallets whose weights are measured on this runtime.

use polkadot_sdk::frame_benchmarking;

frame_benchmarking::define_benchmarks!(
    [pallet_audits, Audits]
    [pallet_difficulty, Difficulty]
    [pallet_governance, Governance]
    [pallet_rewards, Rewards]
    [pallet_tasks, Tasks]
    [pallet_tickets, Tickets]
    [pallet_work, Work]
);
