//! What the node may ask of the runtime.

use crate::{
    AccountId, Audits, Balance, Block, Difficulty, Executive, Grandpa, Hash, InherentDataExt,
    Nonce, Reputation, Runtime, RuntimeGenesisConfig, System, Tasks, Tickets, TransactionPayment,
    VERSION, Work, equivocation, opaque::SessionKeys, parameters, presets,
};
use alloc::{string::String, vec::Vec};
use codec::Encode;
use polkadot_sdk::{
    frame_support::{
        genesis_builder_helper::{build_state, get_preset},
        traits::Get,
        weights::Weight,
    },
    frame_system_rpc_runtime_api, pallet_grandpa, pallet_transaction_payment,
    pallet_transaction_payment_rpc_runtime_api, sp_api, sp_block_builder, sp_consensus_grandpa,
    sp_core::{OpaqueMetadata, crypto::KeyTypeId},
    sp_genesis_builder::{self, PresetId},
    sp_inherents::{CheckInherentsResult, InherentData},
    sp_offchain,
    sp_runtime::{
        ApplyExtrinsicResult, ExtrinsicInclusionMode,
        traits::{Block as BlockT, NumberFor},
        transaction_validity::{TransactionSource, TransactionValidity},
    },
    sp_session::{self, OpaqueGeneratedSessionKeys},
    sp_transaction_pool,
    sp_version::RuntimeVersion,
};
use quern_api::{
    ParameterInfo, RunInfo, WorkRules,
    market::{AuditInfo, Economics, TaskInfo, TicketInfo},
};
use quern_market::{AuditId, Order, OrderError, Role, TaskId, TicketId};
use quern_work::SealError;

sp_api::impl_runtime_apis! {
    impl sp_api::Core<Block> for Runtime {
        fn version() -> RuntimeVersion {
            VERSION
        }

        fn execute_block(block: <Block as BlockT>::LazyBlock) {
            Executive::execute_block(block);
        }

        fn initialize_block(header: &<Block as BlockT>::Header) -> ExtrinsicInclusionMode {
            Executive::initialize_block(header)
        }
    }

    impl sp_api::Metadata<Block> for Runtime {
        fn metadata() -> OpaqueMetadata {
            OpaqueMetadata::new(Runtime::metadata().into())
        }

        fn metadata_at_version(version: u32) -> Option<OpaqueMetadata> {
            Runtime::metadata_at_version(version)
        }

        fn metadata_versions() -> Vec<u32> {
            Runtime::metadata_versions()
        }
    }

    impl sp_block_builder::BlockBuilder<Block> for Runtime {
        fn apply_extrinsic(extrinsic: <Block as BlockT>::Extrinsic) -> ApplyExtrinsicResult {
            Executive::apply_extrinsic(extrinsic)
        }

        fn finalize_block() -> <Block as BlockT>::Header {
            Executive::finalize_block()
        }

        fn inherent_extrinsics(data: InherentData) -> Vec<<Block as BlockT>::Extrinsic> {
            data.create_extrinsics()
        }

        fn check_inherents(
            block: <Block as BlockT>::LazyBlock,
            data: InherentData,
        ) -> CheckInherentsResult {
            data.check_extrinsics(&block)
        }
    }

    impl sp_transaction_pool::runtime_api::TaggedTransactionQueue<Block> for Runtime {
        fn validate_transaction(
            source: TransactionSource,
            tx: <Block as BlockT>::Extrinsic,
            block_hash: <Block as BlockT>::Hash,
        ) -> TransactionValidity {
            Executive::validate_transaction(source, tx, block_hash)
        }
    }

    impl sp_offchain::OffchainWorkerApi<Block> for Runtime {
        fn offchain_worker(header: &<Block as BlockT>::Header) {
            Executive::offchain_worker(header)
        }
    }

    impl sp_session::SessionKeys<Block> for Runtime {
        fn generate_session_keys(
            owner: Vec<u8>,
            seed: Option<Vec<u8>>,
        ) -> OpaqueGeneratedSessionKeys {
            SessionKeys::generate(&owner, seed).into()
        }

        fn decode_session_keys(encoded: Vec<u8>) -> Option<Vec<(Vec<u8>, KeyTypeId)>> {
            SessionKeys::decode_into_raw_public_keys(&encoded)
        }
    }

    impl sp_consensus_grandpa::GrandpaApi<Block> for Runtime {
        fn grandpa_authorities() -> sp_consensus_grandpa::AuthorityList {
            Grandpa::grandpa_authorities()
        }

        fn current_set_id() -> sp_consensus_grandpa::SetId {
            pallet_grandpa::CurrentSetId::<Runtime>::get()
        }

        fn submit_report_equivocation_unsigned_extrinsic(
            votes: sp_consensus_grandpa::EquivocationProof<
                <Block as BlockT>::Hash,
                NumberFor<Block>,
            >,
            key_owner_proof: sp_consensus_grandpa::OpaqueKeyOwnershipProof,
        ) -> Option<()> {
            equivocation::submit(votes, key_owner_proof.decode()?)
        }

        fn generate_key_ownership_proof(
            _: sp_consensus_grandpa::SetId,
            key: sp_consensus_grandpa::AuthorityId,
        ) -> Option<sp_consensus_grandpa::OpaqueKeyOwnershipProof> {
            let seats = equivocation::prove(key)?;
            Some(sp_consensus_grandpa::OpaqueKeyOwnershipProof::new(seats.encode()))
        }
    }

    impl quern_api::WorkApi<Block> for Runtime {
        fn difficulty() -> u128 {
            Difficulty::current()
        }

        fn verify_seal(
            genesis: Hash,
            pre_hash: Hash,
            author: AccountId,
            seal: Vec<u8>,
        ) -> Result<(), SealError> {
            Work::verify_seal(genesis, pre_hash, &author, &seal, Difficulty::current())
        }

        fn rules() -> WorkRules {
            Work::rules()
        }

        fn run(id: u64) -> Option<RunInfo> {
            Work::run_info(id)
        }

        fn runs_of(owner: AccountId) -> Vec<RunInfo> {
            Work::runs_of(&owner)
        }
    }

    impl quern_api::market::MarketApi<Block> for Runtime {
        fn ticket_price(role: Role) -> Balance {
            Tickets::price(role)
        }

        fn pool(role: Role) -> u32 {
            Tickets::pool(role)
        }

        fn ticket(id: TicketId) -> Option<TicketInfo> {
            Tickets::ticket_info(id)
        }

        fn tickets_of(owner: AccountId) -> Vec<TicketInfo> {
            Tickets::tickets_of_info(&owner)
        }

        fn task(id: TaskId) -> Option<TaskInfo> {
            Tasks::task_info(id)
        }

        fn tasks(from: TaskId, limit: u32) -> Vec<TaskInfo> {
            Tasks::tasks(from, limit)
        }

        fn audit(id: AuditId) -> Option<AuditInfo> {
            Audits::audit_info(id)
        }

        fn reputation(who: AccountId) -> u64 {
            Reputation::score(&who)
        }

        fn price_hint() -> Balance {
            Tasks::price_hint()
        }

        fn quote(order: Order) -> Result<Balance, OrderError> {
            Tasks::quote(&order)
        }

        fn economics(who: AccountId) -> Economics {
            Economics {
                stake: Tickets::stake_of(&who),
                roles: Tickets::roles_of(&who),
                reputation: Reputation::score(&who),
                earned: pallet_rewards::Earned::<Runtime>::get(&who),
                vesting: Work::runs_of(&who)
                    .iter()
                    .fold(0, |sum, run| sum.saturating_add(run.vesting)),
            }
        }
    }

    impl quern_api::GovernanceApi<Block> for Runtime {
        fn parameters() -> Vec<ParameterInfo> {
            parameters::all()
        }

        fn set_parameter(name: String, value: Option<u128>) -> Option<Vec<u8>> {
            parameters::call(&name, value)
        }
    }

    impl quern_api::FinalityApi<Block> for Runtime {
        fn snow() -> bool {
            parameters::consensus::Snow::get()
        }
    }

    impl frame_system_rpc_runtime_api::AccountNonceApi<Block, AccountId, Nonce> for Runtime {
        fn account_nonce(account: AccountId) -> Nonce {
            System::account_nonce(account)
        }
    }

    impl pallet_transaction_payment_rpc_runtime_api::TransactionPaymentApi<Block, Balance>
        for Runtime
    {
        fn query_info(
            extrinsic: <Block as BlockT>::Extrinsic,
            len: u32,
        ) -> pallet_transaction_payment_rpc_runtime_api::RuntimeDispatchInfo<Balance> {
            TransactionPayment::query_info(extrinsic, len)
        }

        fn query_fee_details(
            extrinsic: <Block as BlockT>::Extrinsic,
            len: u32,
        ) -> pallet_transaction_payment::FeeDetails<Balance> {
            TransactionPayment::query_fee_details(extrinsic, len)
        }

        fn query_weight_to_fee(weight: Weight) -> Balance {
            TransactionPayment::weight_to_fee(weight)
        }

        fn query_length_to_fee(length: u32) -> Balance {
            TransactionPayment::length_to_fee(length)
        }
    }

    impl sp_genesis_builder::GenesisBuilder<Block> for Runtime {
        fn build_state(config: Vec<u8>) -> sp_genesis_builder::Result {
            build_state::<RuntimeGenesisConfig>(config)
        }

        fn get_preset(id: &Option<PresetId>) -> Option<Vec<u8>> {
            get_preset::<RuntimeGenesisConfig>(id, presets::get)
        }

        fn preset_names() -> Vec<PresetId> {
            presets::names()
        }
    }

    #[cfg(feature = "try-runtime")]
    impl polkadot_sdk::frame_try_runtime::TryRuntime<Block> for Runtime {
        fn on_runtime_upgrade(
            checks: polkadot_sdk::frame_try_runtime::UpgradeCheckSelect,
        ) -> (Weight, Weight) {
            // A dry run: to stop here, with what was found, is what it is for.
            let spent = match Executive::try_runtime_upgrade(checks) {
                Ok(spent) => spent,
                Err(error) => panic!("the upgrade fails: {error:?}"),
            };
            (spent, crate::configs::RuntimeBlockWeights::get().max_block)
        }

        fn execute_block(
            block: <Block as BlockT>::LazyBlock,
            state_root_check: bool,
            signature_check: bool,
            select: polkadot_sdk::frame_try_runtime::TryStateSelect,
        ) -> Weight {
            let executed =
                Executive::try_execute_block(block, state_root_check, signature_check, select);
            match executed {
                Ok(spent) => spent,
                Err(error) => panic!("the block fails: {error:?}"),
            }
        }
    }

    #[cfg(feature = "runtime-benchmarks")]
    impl polkadot_sdk::frame_benchmarking::Benchmark<Block> for Runtime {
        fn benchmark_metadata(
            extra: bool,
        ) -> (
            Vec<polkadot_sdk::frame_benchmarking::BenchmarkList>,
            Vec<polkadot_sdk::frame_support::traits::StorageInfo>,
        ) {
            use crate::*;
            use polkadot_sdk::{
                frame_benchmarking::BenchmarkList,
                frame_support::traits::StorageInfoTrait,
            };
            let mut list = Vec::<BenchmarkList>::new();
            list_benchmarks!(list, extra);
            (list, AllPalletsWithSystem::storage_info())
        }

        fn dispatch_benchmark(
            config: polkadot_sdk::frame_benchmarking::BenchmarkConfig,
        ) -> Result<Vec<polkadot_sdk::frame_benchmarking::BenchmarkBatch>, alloc::string::String> {
            use crate::*;
            use polkadot_sdk::{
                frame_benchmarking::BenchmarkBatch,
                frame_support::traits::WhitelistedStorageKeys,
            };
            let whitelist = AllPalletsWithSystem::whitelisted_storage_keys();
            let mut batches = Vec::<BenchmarkBatch>::new();
            let params = (&config, &whitelist);
            add_benchmarks!(params, batches);
            Ok(batches)
        }
    }
}
