//! Ten thousand handwritten digits, where they are.

use std::{env, path::PathBuf};

/// The source of the digits' IDX pair: in the folder `$QUERN_DATA`, or in the folder of shared data beside
/// the checkout.
pub fn digits() -> Option<String> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/mnist-10k");
    let folder = env::var_os("QUERN_DATA").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    let [images, labels] =
        ["images-idx3-ubyte.gz", "labels-idx1-ubyte.gz"].map(|name| folder.join(name));
    (images.is_file() && labels.is_file())
        .then(|| format!("idx:{},{}", images.display(), labels.display()))
}
