//! A client whose runtime answers about one market: Alice mines, Bob pays.

use jsonrpsee::{RpcModule, core::JsonValue};
use polkadot_sdk::{
    sc_client_api::{
        HeaderBackend,
        blockchain::{BlockStatus, Info, Result},
    },
    sp_api::{ApiRef, ProvideRuntimeApi, mock_impl_runtime_apis},
    sp_core::H256,
    sp_runtime::{
        AccountId32, OpaqueExtrinsic,
        generic::{self, Header},
        traits::BlakeTwo256,
    },
};
use quern_api::{
    PendingClaim, RunInfo, WorkApi, WorkRules,
    market::{
        AuditInfo, BallotInfo, Economics, MarketApi, MinerInfo, SeatInfo, TaskInfo, TaskStage,
        TicketInfo,
    },
};
use quern_market::{
    AuditId, Claim, Duty, Order, OrderError, Preferences, Role, Score, TaskId, TicketId,
};
use quern_work::{Dataset, SealError, TaskSpec};

pub(super) type Block = generic::Block<Header<u32, BlakeTwo256>, OpaqueExtrinsic>;

pub(super) const ALICE: AccountId32 = AccountId32::new([1; 32]);
pub(super) const BOB: AccountId32 = AccountId32::new([2; 32]);

/// As parameters.
pub(super) const ALICE_HEX: &str =
    "0x0101010101010101010101010101010101010101010101010101010101010101";

/// Number of the best block; finality is three behind.
const HEIGHT: u32 = 90;

pub(super) struct TestClient;

#[derive(Clone)]
pub(super) struct TestRuntime;

impl ProvideRuntimeApi<Block> for TestClient {
    type Api = TestRuntime;

    fn runtime_api(&self) -> ApiRef<'_, Self::Api> {
        TestRuntime.into()
    }
}

impl HeaderBackend<Block> for TestClient {
    fn header(&self, _: H256) -> Result<Option<Header<u32, BlakeTwo256>>> {
        Ok(None)
    }

    fn info(&self) -> Info<Block> {
        Info {
            best_hash: H256::repeat_byte(9),
            best_number: HEIGHT,
            genesis_hash: H256::zero(),
            finalized_hash: H256::repeat_byte(6),
            finalized_number: HEIGHT - 3,
            finalized_state: None,
            number_leaves: 1,
            block_gap: None,
        }
    }

    fn status(&self, _: H256) -> Result<BlockStatus> {
        Ok(BlockStatus::Unknown)
    }

    fn number(&self, _: H256) -> Result<Option<u32>> {
        Ok(None)
    }

    fn hash(&self, _: u32) -> Result<Option<H256>> {
        Ok(None)
    }
}

pub(super) fn ticket(id: TicketId) -> TicketInfo {
    TicketInfo {
        id,
        owner: ALICE,
        role: Role::Miner,
        stake: 10_000_000_000_000_000_000,
        preferences: Preferences {
            contact: b"/ip4/127.0.0.1/tcp/9".to_vec().try_into().unwrap(),
            ..Preferences::any(2)
        },
        bought: 7,
        expires: 43_207,
        withdrawable: None,
        duties: vec![Duty::Mine(3)],
    }
}

fn spec() -> TaskSpec {
    TaskSpec {
        dataset: Dataset {
            root: [8; 32],
            row_blocks: 500,
            features: 784,
            classes: 10,
        },
        hidden: vec![1024].try_into().unwrap(),
        batch: 512,
        lr_shift: 3,
        lr_every: 2000,
        segment: 256,
    }
}

/// A task of Bob's that Alice trains.
pub(super) fn task(id: TaskId, stage: TaskStage) -> TaskInfo {
    let order = Order {
        name: b"digits".to_vec().try_into().unwrap(),
        spec: spec(),
        held_out: Dataset {
            root: [7; 32],
            row_blocks: 50,
            features: 784,
            classes: 10,
        },
        steps: 1024,
        workers: 1,
        evaluators: 3,
        target: 900_000,
        deadline: 500,
        gpu: false,
        contact: Default::default(),
    };
    TaskInfo {
        id,
        client: Some(BOB),
        spec: spec(),
        order: Some(order),
        fee: 1 << 70,
        stage,
        submitted: 10,
        deadline: 510,
        miners: vec![MinerInfo {
            ticket: 5,
            owner: ALICE,
            run: Some(4),
            accepted: 256,
            macs: 1 << 60,
            state_root: Some([9; 32]),
            due: 400,
        }],
        supervisor: Some((6, BOB)),
        evaluation: Some(ballot(Vec::new())),
        best: Some(Score {
            run: 4,
            correct: 730,
        }),
    }
}

fn ballot(segments: Vec<u32>) -> BallotInfo {
    BallotInfo {
        seats: vec![SeatInfo {
            ticket: 8,
            voter: BOB,
            segments,
            committed: true,
            revealed: false,
        }],
        commit_until: 100,
        reveal_until: 120,
        reveals: true,
    }
}

fn run(id: u64, steps: Option<u64>) -> RunInfo {
    RunInfo {
        id,
        task: 3,
        owner: ALICE,
        seed: [7; 32],
        spec: spec(),
        ticket: 5,
        steps,
        accepted: 256,
        committed: 512,
        state_root: None,
        pending: Some(PendingClaim::Revealed { audit: 1, to: 512 }),
        last_sealed: None,
        macs: 1 << 62,
        seals: 3,
        shares: 4,
        last_share: None,
        vesting: 0,
    }
}

/// Tasks 1 to 4 in four stages; there are no others.
fn stage(id: TaskId) -> Option<TaskStage> {
    match id {
        1 => Some(TaskStage::Failed),
        2 => Some(TaskStage::Completed),
        3 => Some(TaskStage::Training),
        4 => Some(TaskStage::Cancelled),
        _ => None,
    }
}

mock_impl_runtime_apis! {
    impl MarketApi<Block> for TestRuntime {
        fn ticket_price(role: Role) -> u128 {
            if role == Role::Miner { 1 << 70 } else { 1 }
        }

        fn pool(_role: Role) -> u32 {
            2
        }

        fn ticket(id: TicketId) -> Option<TicketInfo> {
            (id == 5).then(|| ticket(5))
        }

        fn tickets_of(owner: AccountId32) -> Vec<TicketInfo> {
            if owner == ALICE { vec![ticket(2), ticket(5)] } else { Vec::new() }
        }

        fn task(id: TaskId) -> Option<TaskInfo> {
            Some(task(id, stage(id)?))
        }

        fn tasks(from: TaskId, limit: u32) -> Vec<TaskInfo> {
            let ids = (1..=from.min(4)).rev().take(limit.min(100) as usize);
            ids.filter_map(|id| Some(task(id, stage(id)?))).collect()
        }

        fn audit(id: AuditId) -> Option<AuditInfo> {
            (id == 1).then(|| AuditInfo {
                id,
                claim: Claim {
                    run: 4,
                    from: 256,
                    to: 512,
                    state_root: [1; 32],
                    trace_root: [2; 32],
                    starts_root: [3; 32],
                    metric: 12,
                },
                task: 3,
                seed: [7; 32],
                spec: spec(),
                author: ALICE,
                ticket: 5,
                sealed: vec![(300, [4; 32])],
                ballot: Some(ballot(vec![0])),
                redraws: 1,
            })
        }

        fn reputation(who: AccountId32) -> u64 {
            if who == ALICE { 2_400 } else { 0 }
        }

        fn price_hint() -> u128 {
            1 << 65
        }

        fn quote(_order: Order) -> std::result::Result<u128, OrderError> {
            Err(OrderError::Steps)
        }

        fn economics(who: AccountId32) -> Economics {
            let stake = if who == ALICE { 1 << 70 } else { 0 };
            Economics {
                stake,
                roles: if stake > 0 { vec![Role::Miner, Role::Verifier] } else { Vec::new() },
                reputation: 2_400,
                earned: 1 << 66,
                vesting: 17,
            }
        }
    }

    impl WorkApi<Block> for TestRuntime {
        fn difficulty() -> u128 {
            1
        }

        fn verify_seal(
            _genesis: H256,
            _pre_hash: H256,
            _author: AccountId32,
            _seal: Vec<u8>,
        ) -> std::result::Result<(), SealError> {
            Ok(())
        }

        fn rules() -> WorkRules {
            WorkRules::default()
        }

        fn run(_id: u64) -> Option<RunInfo> {
            None
        }

        fn runs_of(owner: AccountId32) -> Vec<RunInfo> {
            if owner == ALICE { vec![run(4, Some(1024)), run(6, None)] } else { Vec::new() }
        }
    }
}

pub(super) fn json(text: &str) -> JsonValue {
    text.parse().unwrap()
}

/// The whole answer to a request.
pub(super) async fn request<T: Send + Sync + 'static>(
    module: &RpcModule<T>,
    method: &str,
    params: &str,
) -> JsonValue {
    let request = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
    json(&module.raw_json_request(&request, 1).await.unwrap().0)
}
