//! The genesis of the `dev` and `local` chains.
//!
//! Both mine the same commons task: ten kinds of digit glyphs on 28×28 images, a 784-1024-10
//! network, batches of 512 rows.

use crate::{
    AccountId, Balance, BalancesConfig, DifficultyConfig, GovernanceConfig, RuntimeGenesisConfig,
    SessionConfig, TasksConfig, TicketsConfig, Treasury, WorkConfig, money::QRN,
    opaque::SessionKeys,
};
use alloc::{vec, vec::Vec};
use polkadot_sdk::{
    frame_support::build_struct_json_patch,
    sp_consensus_grandpa::AuthorityId as GrandpaId,
    sp_genesis_builder::{self, PresetId},
    sp_keyring::{Ed25519Keyring, Sr25519Keyring},
};
use quern_market::Role;
use quern_work::{Dataset, Hash, TaskSpec};

/// Merkle root over the training rows of the `glyphs` generator.
const GLYPHS_ROOT: Hash =
    hex_literal::hex!("8ecd89a34e3b92928c66eef0024dd36f139d08902bcf23cd478a1c893df2a925");

/// What each endowed account, the treasury among them, owns at genesis.
const ENDOWMENT: Balance = 1_000 * QRN;

/// Stake of each ticket of genesis.
const STAKE: Balance = 10 * QRN;

/// Duties that a ticket of genesis takes on at a time.
const CONCURRENT: u32 = 4;

/// Rank of the noise on both chains: 28×28 images can be mined.
const NOISE_RANK: u32 = 32;

/// Blocks of a governance day: a referendum on parameters is over within 40 blocks.
const GOVERNANCE_DAY: u128 = 4;

/// The commons task.
pub fn glyphs() -> TaskSpec {
    TaskSpec {
        dataset: Dataset {
            root: GLYPHS_ROOT,
            row_blocks: 1250,
            features: 784,
            classes: 10,
        },
        hidden: vec![1024].try_into().unwrap_or_default(),
        batch: 512,
        lr_shift: 6,
        lr_every: 0,
        segment: 256,
    }
}

/// Validators, who each hold a supervisor's and a miner's ticket and own a run, and how fast blocks should
/// come.
fn genesis(validators: &[(Sr25519Keyring, Ed25519Keyring)], interval_ms: u64) -> serde_json::Value {
    let accounts: Vec<AccountId> = validators
        .iter()
        .map(|(account, _)| account.to_account_id())
        .collect();
    build_struct_json_patch!(RuntimeGenesisConfig {
        balances: BalancesConfig {
            balances: Sr25519Keyring::well_known()
                .map(|key| key.to_account_id())
                .chain([Treasury::account_id()])
                .map(|who| (who, ENDOWMENT))
                .collect(),
        },
        session: SessionConfig {
            keys: validators
                .iter()
                .map(|(account, finality)| {
                    let account = account.to_account_id();
                    let grandpa = GrandpaId::from(finality.public());
                    (account.clone(), account, SessionKeys { grandpa })
                })
                .collect(),
        },
        difficulty: DifficultyConfig {
            interval_ms,
            floor: 1_000_000_000,
            initial: 50_000_000_000,
        },
        tickets: TicketsConfig {
            // Ids in order: each validator's miner ticket is twice its number.
            tickets: accounts
                .iter()
                .flat_map(|owner| {
                    [Role::Miner, Role::Supervisor]
                        .map(|role| (owner.clone(), role, STAKE, CONCURRENT))
                })
                .collect(),
        },
        tasks: TasksConfig {
            commons: vec![glyphs()],
        },
        work: WorkConfig {
            noise_rank: NOISE_RANK,
            runs: (0..)
                .step_by(2)
                .zip(&accounts)
                .map(|(ticket, owner)| (owner.clone(), 0, ticket))
                .collect(),
        },
        governance: GovernanceConfig {
            parameters: vec![("governance.day".into(), GOVERNANCE_DAY)],
        },
    })
}

/// One validator, Alice, and a block about every three seconds.
fn development() -> serde_json::Value {
    genesis(&[(Sr25519Keyring::Alice, Ed25519Keyring::Alice)], 3_000)
}

/// Three validators, Alice, Bob and Charlie, and a block about every six seconds.
fn local() -> serde_json::Value {
    genesis(
        &[
            (Sr25519Keyring::Alice, Ed25519Keyring::Alice),
            (Sr25519Keyring::Bob, Ed25519Keyring::Bob),
            (Sr25519Keyring::Charlie, Ed25519Keyring::Charlie),
        ],
        6_000,
    )
}

/// The JSON patch of a named preset.
pub fn get(id: &PresetId) -> Option<Vec<u8>> {
    let patch = match id.as_ref() {
        sp_genesis_builder::DEV_RUNTIME_PRESET => development(),
        sp_genesis_builder::LOCAL_TESTNET_RUNTIME_PRESET => local(),
        _ => return None,
    };
    serde_json::to_vec(&patch).ok()
}

/// The names of the presets.
pub fn names() -> Vec<PresetId> {
    vec![
        PresetId::from(sp_genesis_builder::DEV_RUNTIME_PRESET),
        PresetId::from(sp_genesis_builder::LOCAL_TESTNET_RUNTIME_PRESET),
    ]
}
