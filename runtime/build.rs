//! Builds the WASM runtime; with its metadata hash, for offline signers, if the feature says so.

fn main() {
    #[cfg(feature = "std")]
    {
        let builder = substrate_wasm_builder::WasmBuilder::init_with_defaults();
        #[cfg(feature = "metadata-hash")]
        let builder = builder.enable_metadata_hash("QRN", 12);
        builder.build();
    }
}
