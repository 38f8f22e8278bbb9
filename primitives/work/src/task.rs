//! What is trained: the part of a task that the lottery and the training step both depend on.

use alloc::vec::Vec;
use bounded_collections::{BoundedVec, ConstU32};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};

use crate::{Hash, MAX_INNER, Shape, TILE};

/// Most hidden layers of a network.
pub const MAX_HIDDEN: u32 = 16;

/// Most weights and biases of a network: a state of 2 GiB.
pub const MAX_PARAMETERS: u64 = 1 << 28;

/// Most activations of a step, a batch times the sizes of all layers: half a GiB for each array of bytes
/// that a worker keeps over them.
pub const MAX_ACTIVATIONS: u64 = 1 << 29;

/// Fewest rows of a batch: one tile.
pub const MIN_BATCH: u32 = TILE as u32;

/// Most classes: labels are u16.
pub const MAX_CLASSES: u32 = 65_535;

/// Most features of a task: 16 rows with their labels are at most the largest chunk of a blob, 2^20 bytes.
pub const MAX_FEATURES: u32 = MAX_INNER - 2;

/// Commitment to a dataset of labelled rows, in blocks of 16 rows.
#[derive(
    Clone,
    Debug,
    PartialEq,
    Eq,
    Encode,
    Decode,
    DecodeWithMemTracking,
    MaxEncodedLen,
    TypeInfo,
    Serialize,
    Deserialize,
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Dataset {
    /// Merkle root over the row blocks.
    #[serde(with = "hex_hash")]
    pub root: Hash,
    /// Number of row blocks of 16 rows.
    pub row_blocks: u32,
    /// Features per row, k.
    pub features: u32,
    /// Number of classes; labels are below it.
    pub classes: u32,
}

impl Dataset {
    /// Bytes of all rows: one a feature, and two for the label.
    pub fn bytes(&self) -> u64 {
        // Below 2^32 * 2^4 * 2^17; the sum does not overflow in 64 bits.
        u64::from(self.row_blocks) * TILE as u64 * (u64::from(self.features) + 2)
    }
}

/// A network to train and the rules of its training.
#[derive(
    Clone,
    Debug,
    PartialEq,
    Eq,
    Encode,
    Decode,
    DecodeWithMemTracking,
    MaxEncodedLen,
    TypeInfo,
    Serialize,
    Deserialize,
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TaskSpec {
    /// The data.
    pub dataset: Dataset,
    /// Neurons of each hidden layer, multiples of 16; the first is the lottery product's n.
    pub hidden: BoundedVec<u32, ConstU32<MAX_HIDDEN>>,
    /// Rows per step, a power of two.
    pub batch: u32,
    /// Learning rate of step 0 is `2^-lr_shift`.
    pub lr_shift: u8,
    /// Steps after which the learning rate halves; 0 keeps it constant.
    pub lr_every: u32,
    /// Steps between two state roots.
    pub segment: u32,
}

impl TaskSpec {
    /// Sizes of all layers: features, hidden layers, classes.
    pub fn sizes(&self) -> Vec<u32> {
        let (features, classes) = (self.dataset.features, self.dataset.classes);
        core::iter::once(features)
            .chain(self.hidden.iter().copied())
            .chain([classes])
            .collect()
    }

    /// Number of weights and biases, saturating.
    pub fn parameters(&self) -> u64 {
        parameters(&self.sizes())
    }

    /// Bytes of a state, but for its header: weight and momentum of each parameter, 32 bits each; saturating.
    pub fn state_bytes(&self) -> u64 {
        self.parameters().saturating_mul(8)
    }

    /// Activations of a step: a batch times the sizes of all layers, features and classes among them.
    pub fn activations(&self) -> u64 {
        let neurons: u64 = self.sizes().into_iter().map(u64::from).sum();
        u64::from(self.batch).saturating_mul(neurons)
    }

    /// Exponent of the learning rate `2^-x` at step `step`, saturating.
    pub fn lr_shift_at(&self, step: u64) -> u32 {
        let halvings = step.checked_div(self.lr_every.into()).unwrap_or(0);
        u32::try_from(halvings)
            .unwrap_or(u32::MAX)
            .saturating_add(self.lr_shift.into())
    }

    /// Dimensions of the lottery product of every step, on a chain with noise rank `r`.
    pub fn lottery_shape(&self, r: u32) -> Shape {
        let n = self.hidden.first().copied().unwrap_or(0);
        Shape {
            m: self.batch,
            n,
            k: self.dataset.features,
            r,
        }
    }

    /// Checks every bound, on a chain with noise rank `r`.
    ///
    /// # Errors
    /// The first bound that does not hold.
    pub fn validate(&self, r: u32) -> Result<(), TaskError> {
        check_sizes(&self.sizes())?;
        if self.dataset.features > MAX_FEATURES {
            return Err(TaskError::Features);
        }
        if self.dataset.row_blocks == 0 {
            return Err(TaskError::NoData);
        }
        if !(MIN_BATCH..=MAX_INNER).contains(&self.batch) || !self.batch.is_power_of_two() {
            return Err(TaskError::Batch);
        }
        if self.activations() > MAX_ACTIVATIONS {
            return Err(TaskError::Activations);
        }
        if self.segment == 0 {
            return Err(TaskError::Segment);
        }
        if !self.lottery_shape(r).is_valid() {
            return Err(TaskError::Rank);
        }
        Ok(())
    }
}

/// Checks the sizes of a network, `[features, hidden…, classes]`.
///
/// # Errors
/// The first bound that does not hold.
pub fn check_sizes(sizes: &[u32]) -> Result<(), TaskError> {
    let [features, hidden @ .., classes] = sizes else {
        return Err(TaskError::Hidden);
    };
    if !(1..=MAX_INNER).contains(features) {
        return Err(TaskError::Features);
    }
    if !(2..=MAX_CLASSES).contains(classes) {
        return Err(TaskError::Classes);
    }
    let fits = |size: &u32| (1..=MAX_INNER).contains(size) && size.is_multiple_of(TILE as u32);
    if hidden.is_empty() || hidden.len() > MAX_HIDDEN as usize || !hidden.iter().all(fits) {
        return Err(TaskError::Hidden);
    }
    if parameters(sizes) > MAX_PARAMETERS {
        return Err(TaskError::Parameters);
    }
    Ok(())
}

/// Number of weights and biases of a network of `sizes`, saturating.
pub fn parameters(sizes: &[u32]) -> u64 {
    sizes.windows(2).fold(0, |total: u64, pair| {
        let (fan_in, fan_out) = (u64::from(pair[0]), u64::from(pair[1]));
        total.saturating_add((fan_in + 1).saturating_mul(fan_out))
    })
}

/// Why a task cannot be trained.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Encode,
    Decode,
    DecodeWithMemTracking,
    MaxEncodedLen,
    TypeInfo,
    thiserror::Error,
)]
pub enum TaskError {
    /// Features out of bounds.
    #[error("features must be in [1, 65534], in a network without data up to 65536")]
    Features,
    /// Classes out of bounds.
    #[error("classes must be in [2, 65535]")]
    Classes,
    /// Hidden layers out of bounds.
    #[error("there must be 1 to 16 hidden layers of 16 to 65536 neurons, multiples of 16")]
    Hidden,
    /// Too many weights and biases.
    #[error("a network has at most 2^28 weights and biases")]
    Parameters,
    /// A dataset without rows.
    #[error("the dataset must have at least one row block")]
    NoData,
    /// Batch out of bounds.
    #[error("the batch must be a power of two in [16, 65536]")]
    Batch,
    /// Segment out of bounds.
    #[error("a segment must have at least one step, and fit into the window")]
    Segment,
    /// Too few features for the chain's noise rank, or a rank that is no power of two.
    #[error(
        "the noise rank must be a power of two, at least 2 and at most a sixteenth of the features"
    )]
    Rank,
    /// Too many activations in a step.
    #[error("a batch times the sizes of all layers is at most 2^29")]
    Activations,
    /// Too much work for one verifier in one ballot.
    #[error("executing four segments again takes more MACs than the chain asks of a verifier")]
    VoteMacs,
    /// Too much data for one verifier in one ballot.
    #[error("the rows and four states are more bytes than the chain asks a verifier to fetch")]
    VoteBytes,
}

/// A hash as a `0x` string of 64 hex digits.
mod hex_hash {
    use alloc::{format, string::String};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::Hash;

    pub(super) fn serialize<S: Serializer>(hash: &Hash, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("0x{}", hex::encode(hash)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Hash, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digits = text
            .strip_prefix("0x")
            .ok_or_else(|| D::Error::custom("a hash begins with 0x"))?;
        let mut hash = Hash::default();
        hex::decode_to_slice(digits, &mut hash).map_err(D::Error::custom)?;
        Ok(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{string::ToString, vec};
    use serde_json::{Value, json};

    fn spec() -> TaskSpec {
        TaskSpec {
            dataset: Dataset {
                root: [0xAB; 32],
                row_blocks: 500,
                features: 784,
                classes: 10,
            },
            hidden: vec![1024, 64].try_into().unwrap(),
            batch: 512,
            lr_shift: 3,
            lr_every: 1000,
            segment: 64,
        }
    }

    fn json() -> Value {
        json!({
            "dataset": {
                "root": "0xabababababababababababababababababababababababababababababababab",
                "rowBlocks": 500,
                "features": 784,
                "classes": 10,
            },
            "hidden": [1024, 64],
            "batch": 512,
            "lrShift": 3,
            "lrEvery": 1000,
            "segment": 64,
        })
    }

    #[test]
    fn a_task_reads_and_writes_as_json() {
        assert_eq!(serde_json::to_value(spec()).unwrap(), json());
        assert_eq!(serde_json::from_value::<TaskSpec>(json()).unwrap(), spec());
    }

    #[test]
    fn json_with_unknown_or_malformed_fields_is_refused() {
        let refused = |change: &dyn Fn(&mut Value)| {
            let mut json = json();
            change(&mut json);
            assert!(
                serde_json::from_value::<TaskSpec>(json.clone()).is_err(),
                "{json}"
            );
        };
        refused(&|json| json["colour"] = json!(1));
        refused(&|json| json["dataset"]["rows"] = json!(1));
        refused(&|json| json["hidden"] = json!(vec![16; 17]));
        refused(&|json| json["dataset"]["root"] = json!("ab".repeat(32)));
        refused(&|json| json["dataset"]["root"] = json!("0x".to_string() + &"ab".repeat(31)));
        refused(&|json| json["dataset"]["root"] = json!("0x".to_string() + &"zz".repeat(32)));
    }

    #[test]
    fn a_task_survives_its_encoding() {
        let bytes = spec().encode();
        assert!(bytes.len() <= TaskSpec::max_encoded_len());
        assert_eq!(TaskSpec::decode(&mut &bytes[..]), Ok(spec()));
    }

    #[test]
    fn sizes_and_parameters_follow_from_the_layers() {
        assert_eq!(spec().sizes(), [784, 1024, 64, 10]);
        assert_eq!(spec().parameters(), 785 * 1024 + 1025 * 64 + 65 * 10);
        assert_eq!(
            spec().lottery_shape(32),
            Shape {
                m: 512,
                n: 1024,
                k: 784,
                r: 32
            }
        );
        assert_eq!(parameters(&[u32::MAX; 3]), u64::MAX);
        assert_eq!(spec().activations(), 512 * (784 + 1024 + 64 + 10));
    }

    #[test]
    fn the_learning_rate_halves_as_scheduled() {
        let spec = spec();
        assert_eq!(
            [0, 999, 1000, 2500].map(|step| spec.lr_shift_at(step)),
            [3, 3, 4, 5]
        );
        assert_eq!(spec.lr_shift_at(u64::MAX), u32::MAX);
        assert_eq!(
            TaskSpec {
                lr_every: 0,
                ..spec
            }
            .lr_shift_at(u64::MAX),
            3
        );
    }

    #[test]
    fn each_bound_has_its_own_error() {
        assert_eq!(spec().validate(32), Ok(()));
        let outcome = |change: &dyn Fn(&mut TaskSpec)| {
            let mut spec = spec();
            change(&mut spec);
            spec.validate(32)
        };
        assert_eq!(
            outcome(&|spec| spec.dataset.features = 0),
            Err(TaskError::Features)
        );
        assert_eq!(
            outcome(&|spec| spec.dataset.features = 65_535),
            Err(TaskError::Features)
        );
        assert_eq!(
            outcome(&|spec| spec.dataset.features = 511),
            Err(TaskError::Rank)
        );
        assert_eq!(
            outcome(&|spec| spec.dataset.classes = 1),
            Err(TaskError::Classes)
        );
        assert_eq!(
            outcome(&|spec| spec.dataset.classes = 65_536),
            Err(TaskError::Classes)
        );
        assert_eq!(
            outcome(&|spec| spec.dataset.row_blocks = 0),
            Err(TaskError::NoData)
        );
        assert_eq!(outcome(&|spec| spec.hidden.clear()), Err(TaskError::Hidden));
        assert_eq!(outcome(&|spec| spec.hidden[1] = 0), Err(TaskError::Hidden));
        assert_eq!(outcome(&|spec| spec.hidden[1] = 24), Err(TaskError::Hidden));
        assert_eq!(
            outcome(&|spec| spec.hidden[1] = 65_552),
            Err(TaskError::Hidden)
        );
        assert_eq!(
            outcome(&|spec| (spec.hidden[0], spec.hidden[1]) = (65_536, 65_536)),
            Err(TaskError::Parameters)
        );
        assert_eq!(outcome(&|spec| spec.batch = 8), Err(TaskError::Batch));
        assert_eq!(outcome(&|spec| spec.batch = 96), Err(TaskError::Batch));
        assert_eq!(outcome(&|spec| spec.batch = 1 << 17), Err(TaskError::Batch));
        assert_eq!(outcome(&|spec| spec.segment = 0), Err(TaskError::Segment));
        let wide = |batch| {
            outcome(&|spec| {
                spec.hidden = vec![65_536, 16, 65_536, 16, 65_536].try_into().unwrap();
                spec.batch = batch;
            })
        };
        assert_eq!(wide(2_048), Ok(()));
        assert_eq!(wide(4_096), Err(TaskError::Activations));
        assert_eq!(spec().validate(0), Err(TaskError::Rank));
        assert_eq!(spec().validate(33), Err(TaskError::Rank));
        assert_eq!(spec().validate(64), Err(TaskError::Rank));
    }
}
