//! BLAKE3 with one context or one label per purpose.

/// A BLAKE3 digest, or a key derived by it.
pub type Hash = [u8; 32];

/// The purpose of a derived hash: the context string of BLAKE3's derive-key mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context(&'static str);

impl Context {
    /// A leaf of a Merkle tree.
    pub const MERKLE_LEAF: Self = Self::new("quern/v1/merkle-leaf");
    /// An inner node of a Merkle tree.
    pub const MERKLE_NODE: Self = Self::new("quern/v1/merkle-node");
    /// The seed of one lottery product.
    pub const JOB: Self = Self::new("quern/v1/job");
    /// The noise seed of the batch operand.
    pub const NOISE_A: Self = Self::new("quern/v1/noise-a");
    /// The noise seed of the weights operand.
    pub const NOISE_B: Self = Self::new("quern/v1/noise-b");
    /// The key under which transcripts become draws.
    pub const DRAW: Self = Self::new("quern/v1/draw");
    /// The seed of a run.
    pub const RUN: Self = Self::new("quern/v1/run");

    /// A context of another crate's purpose. By convention `quern/v1/` and the purpose's name.
    pub const fn new(context: &'static str) -> Self {
        Self(context)
    }

    /// The context string.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

/// BLAKE3 derive-key digest of the concatenation of `parts` under `context`.
pub fn derive(context: Context, parts: &[&[u8]]) -> Hash {
    let mut hasher = blake3::Hasher::new_derive_key(context.0);
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// The seekable BLAKE3 output stream of `label` under `key`.
pub fn xof(key: &Hash, label: &[u8]) -> blake3::OutputReader {
    let mut hasher = blake3::Hasher::new_keyed(key);
    hasher.update(label);
    hasher.finalize_xof()
}
