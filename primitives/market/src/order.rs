//! What a client pays for.

use bounded_collections::{BoundedVec, ConstU32};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use quern_work::{TILE, TaskError, TaskSpec, task::Dataset};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};

use crate::{claim::training_macs, ticket::Contact};

/// Most runs that one order trains side by side.
pub const MAX_WORKERS: u32 = 8;

/// Most evaluators of one order.
pub const MAX_EVALUATORS: u32 = 9;

/// Most bytes of an order's name.
pub const MAX_NAME: u32 = 64;

/// Most blocks from an order's submission to its deadline: thirty days of six seconds each.
pub const MAX_DEADLINE: u32 = 30 * 14_400;

/// One, in parts per million.
pub const MILLION: u32 = 1_000_000;

/// A training job: what is trained, on what, by how many, until when, and what counts as success.
#[derive(
    Clone,
    Debug,
    Decode,
    DecodeWithMemTracking,
    Deserialize,
    Encode,
    Eq,
    MaxEncodedLen,
    PartialEq,
    Serialize,
    TypeInfo,
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Order {
    /// What the client calls it: UTF-8 text.
    pub name: BoundedVec<u8, ConstU32<MAX_NAME>>,
    /// Network, training data, batch, schedule. Its optimiser is the one of protocol v1: momentum.
    pub spec: TaskSpec,
    /// Commitment to the rows that nobody trains on; same features and classes as the training data.
    pub held_out: Dataset,
    /// Steps of each run, a multiple of the segment.
    pub steps: u64,
    /// Runs side by side, each by another miner from another seed, in [1, [`MAX_WORKERS`]].
    pub workers: u32,
    /// Evaluators wanted, in [1, [`MAX_EVALUATORS`]].
    pub evaluators: u32,
    /// Held-out answers that must be right, in parts per million.
    pub target: u32,
    /// Blocks after submission within which training must have ended, in [1, [`MAX_DEADLINE`]].
    pub deadline: u32,
    /// Whether the miners need a GPU.
    pub gpu: bool,
    /// Where the client serves the data.
    pub contact: Contact,
}

/// Why an order is refused.
#[derive(Clone, Copy, Debug, Decode, Encode, Eq, PartialEq, TypeInfo)]
pub enum OrderError {
    /// The task can't be mined under the chain's rules.
    Task(TaskError),
    /// Held-out rows are missing, or have other features or classes than the training data.
    HeldOut,
    /// Steps are zero or no multiple of the segment.
    Steps,
    /// Too few or too many workers.
    Workers,
    /// Too few or too many evaluators.
    Evaluators,
    /// The target is above one million.
    Target,
    /// The deadline is zero, or too far away.
    Deadline,
    /// The name is no UTF-8 text.
    Name,
    /// Scoring the models of all workers takes more MACs than the chain asks of an evaluator.
    ScoringMacs,
    /// The held-out rows and the models of all workers are more bytes than the chain asks an evaluator to fetch.
    ScoringBytes,
}

impl Order {
    /// Checks every bound but the chain's own rules for `spec`.
    ///
    /// # Errors
    /// The first bound that does not hold.
    pub fn validate(&self, noise_rank: u32) -> Result<(), OrderError> {
        self.spec.validate(noise_rank).map_err(OrderError::Task)?;
        let (train, held_out) = (&self.spec.dataset, &self.held_out);
        let alike = (held_out.features, held_out.classes) == (train.features, train.classes);
        let rules = [
            (alike && held_out.row_blocks > 0, OrderError::HeldOut),
            (
                self.steps > 0 && self.steps.is_multiple_of(self.spec.segment.into()),
                OrderError::Steps,
            ),
            (
                (1..=MAX_WORKERS).contains(&self.workers),
                OrderError::Workers,
            ),
            (
                (1..=MAX_EVALUATORS).contains(&self.evaluators),
                OrderError::Evaluators,
            ),
            (self.target <= MILLION, OrderError::Target),
            (
                (1..=MAX_DEADLINE).contains(&self.deadline),
                OrderError::Deadline,
            ),
            (core::str::from_utf8(&self.name).is_ok(), OrderError::Name),
        ];
        match rules.into_iter().find(|(holds, _)| !holds) {
            Some((_, error)) => Err(error),
            None => Ok(()),
        }
    }

    /// Multiply–accumulates of training all runs, saturating.
    pub fn macs(&self) -> u128 {
        training_macs(&self.spec, self.steps).saturating_mul(self.workers.into())
    }

    /// Multiply–accumulates of scoring one model: one product a layer and held-out row.
    pub fn scoring_macs(&self) -> u128 {
        // Below 2³² · 2⁴ · 2⁶⁴.
        u128::from(self.held_out.row_blocks) * TILE as u128 * u128::from(self.spec.parameters())
    }

    /// Bytes that an evaluator fetches: the held-out rows, and the final states of all runs; saturating.
    pub fn scoring_bytes(&self) -> u64 {
        let states = u64::from(self.workers).saturating_mul(self.spec.state_bytes());
        self.held_out.bytes().saturating_add(states)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    const RANK: u32 = 32;

    fn order() -> Order {
        let dataset = Dataset {
            root: [1; 32],
            row_blocks: 100,
            features: 512,
            classes: 10,
        };
        Order {
            name: b"digits".to_vec().try_into().unwrap(),
            spec: TaskSpec {
                dataset: dataset.clone(),
                hidden: vec![48].try_into().unwrap(),
                batch: 64,
                lr_shift: 3,
                lr_every: 0,
                segment: 8,
            },
            held_out: Dataset {
                row_blocks: 20,
                ..dataset
            },
            steps: 800,
            workers: 2,
            evaluators: 3,
            target: 900_000,
            deadline: 1_000,
            gpu: false,
            contact: Contact::new(),
        }
    }

    #[test]
    fn an_order_within_its_bounds_is_taken_and_each_other_one_refused_by_name() {
        assert_eq!(order().validate(RANK), Ok(()));
        let lie = |change: fn(&mut Order)| {
            let mut order = order();
            change(&mut order);
            order.validate(RANK).unwrap_err()
        };
        assert_eq!(
            lie(|o| o.spec.batch = 24),
            OrderError::Task(TaskError::Batch)
        );
        assert_eq!(lie(|o| o.held_out.row_blocks = 0), OrderError::HeldOut);
        assert_eq!(lie(|o| o.held_out.features = 256), OrderError::HeldOut);
        assert_eq!(lie(|o| o.held_out.classes = 9), OrderError::HeldOut);
        assert_eq!(lie(|o| o.steps = 0), OrderError::Steps);
        assert_eq!(lie(|o| o.steps = 801), OrderError::Steps);
        assert_eq!(lie(|o| o.workers = 0), OrderError::Workers);
        assert_eq!(lie(|o| o.workers = MAX_WORKERS + 1), OrderError::Workers);
        assert_eq!(lie(|o| o.evaluators = 0), OrderError::Evaluators);
        assert_eq!(
            lie(|o| o.evaluators = MAX_EVALUATORS + 1),
            OrderError::Evaluators
        );
        assert_eq!(lie(|o| o.target = MILLION + 1), OrderError::Target);
        assert_eq!(lie(|o| o.deadline = 0), OrderError::Deadline);
        assert_eq!(lie(|o| o.deadline = MAX_DEADLINE + 1), OrderError::Deadline);
        let text = |o: &mut Order| o.name = vec![0xFF].try_into().unwrap();
        assert_eq!(lie(text), OrderError::Name);
    }

    #[test]
    fn an_orders_macs_are_three_products_a_layer_row_and_step() {
        let parameters = 513 * 48 + 49 * 10;
        assert_eq!(order().macs(), 2 * 800 * 64 * 3 * parameters);
        assert_eq!(order().scoring_macs(), 20 * 16 * parameters);
    }

    proptest! {
        #[test]
        fn foreign_bytes_decode_to_an_order_that_encodes_to_them_or_to_none(
            bytes in prop::collection::vec(any::<u8>(), 0..600),
        ) {
            let mut input = &bytes[..];
            if let Ok(order) = Order::decode(&mut input) {
                prop_assert_eq!(order.encode(), &bytes[..bytes.len() - input.len()]);
            }
        }

        #[test]
        fn any_sizes_are_validated_and_counted_without_overflow(
            features: u32,
            classes: u32,
            hidden in prop::collection::vec(any::<u32>(), 0..16),
            sizes: (u32, u32, u64),
            workers: u32,
            rank: u32,
        ) {
            let mut order = order();
            order.spec.dataset.features = features;
            order.spec.dataset.classes = classes;
            order.spec.hidden = hidden.try_into().unwrap();
            (order.spec.batch, order.spec.segment, order.steps) = sizes;
            order.workers = workers;
            let _ = order.validate(rank);
            let _ = order.macs();
        }
    }
}
