//! Puts the version with its commit into the binary.

// No line here follows the repository's head: a commit that leaves this folder alone would
// otherwise build the whole service again. A clean build names its own commit.
fn main() {
    substrate_build_script_utils::generate_cargo_keys();
}
