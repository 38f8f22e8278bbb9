//! Measures the weights of a runtime's pallets: the SDK's own pallet benchmarking, and nothing else.

use clap::Parser;
use cumulus_primitives_proof_size_hostfunction::storage_proof_size;
use frame_benchmarking_cli::PalletCmd;
use sc_cli::Result;
use sp_runtime::traits::BlakeTwo256;

fn main() -> Result<()> {
    PalletCmd::parse().run_with_spec::<BlakeTwo256, storage_proof_size::HostFunctions>(None)
}
