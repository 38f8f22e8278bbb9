//! Builds the two WASM runtimes, in a folder of their own and one after the other, so that they share what
//! they depend on.

fn main() {
    #[cfg(feature = "std")]
    {
        println!("cargo:rerun-if-changed=build.rs");
        build("NEXT", &[]);
        build("BROKEN", &["broken-migration"]);
    }
}

/// Builds this crate with these features; `NAME` in the output folder says where the blob is.
#[cfg(feature = "std")]
fn build(name: &str, features: &[&str]) {
    forget_last();
    let builder = substrate_wasm_builder::WasmBuilder::init_with_defaults().set_file_name(name);
    features
        .iter()
        .fold(builder, |builder, feature| builder.enable_feature(*feature))
        .build();
}

/// Removes the last blob from cargo's output. Both builds write it to the same place, and cargo, which looks
/// at its age alone, would take one for the other.
#[cfg(feature = "std")]
fn forget_last() {
    use std::{env, fs, path::Path};

    const BLOB: &str = "quern_runtime_next.wasm";
    let Ok(out) = env::var("OUT_DIR") else { return };
    // OUT_DIR is PROFILE/build/CRATE-HASH/out, and the builder works in PROFILE/wbuild.
    let Some(profile) = Path::new(&out).ancestors().nth(3) else {
        return;
    };
    let targets = profile.join("wbuild/quern-runtime-next/target");
    for target in fs::read_dir(targets).into_iter().flatten().flatten() {
        for place in ["release", "release/deps", "production", "production/deps"] {
            // It may not be there.
            let _ = fs::remove_file(target.path().join(place).join(BLOB));
        }
    }
}
