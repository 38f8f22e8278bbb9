//! What a client writes to order a training job: a TOML file of few lines, everything else with a default.
//!
//! `docs/spec.example.toml` names every key and its default.

use crate::{
    dataset::{self, Scale, Source, Split, csv},
    text::parse_decimal,
};
use quern_market::{Order, order::MILLION};
use quern_work::task::{Dataset, TaskSpec};
use serde::Deserialize;

/// Decimals of the token.
pub const TOKEN_DECIMALS: usize = 12;

/// Why a specification is refused.
#[derive(Debug, thiserror::Error)]
pub enum SpecError {
    /// The file is no TOML, lacks a key, or has one that is unknown or of another type.
    #[error("the specification cannot be read: {0}")]
    Toml(String),
    /// A number is out of its bounds.
    #[error("{key} is out of bounds: {bounds}")]
    Bounds {
        /// The key.
        key: &'static str,
        /// What is allowed.
        bounds: &'static str,
    },
}

/// A training job, but for its data and for where they are served.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// What the client calls it.
    pub name: String,
    /// Neurons of each hidden layer.
    pub hidden: Vec<u32>,
    /// How it is trained.
    pub training: Training,
    /// Which rows are held out.
    pub split: Split,
    /// How CSV files are read.
    pub csv: csv::Format,
    /// Who trains it, until when, and what counts as success.
    pub market: Market,
}

/// How a network is trained.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Training {
    /// Steps of each run.
    pub steps: u64,
    /// Rows per step.
    pub batch: u32,
    /// The learning rate of step 0 is `2^-lr_shift`.
    pub lr_shift: u8,
    /// Steps after which the learning rate halves; 0 keeps it constant.
    pub lr_every: u32,
    /// Steps between two state roots.
    pub segment: u32,
}

impl Default for Training {
    fn default() -> Self {
        Self {
            steps: 2_048,
            batch: 128,
            lr_shift: 4,
            lr_every: 0,
            segment: 64,
        }
    }
}

/// The terms of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Market {
    /// Runs side by side.
    pub workers: u32,
    /// Evaluators of the models.
    pub evaluators: u32,
    /// Held-out answers that must be right, in millionths.
    pub target: u32,
    /// Blocks within which training must have ended.
    pub deadline: u32,
    /// Whether the miners need a GPU.
    pub gpu: bool,
    /// What is paid, in the token's smallest unit; none for the going rate.
    pub fee: Option<u128>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    network: Network,
    #[serde(default)]
    training: Training,
    #[serde(default)]
    data: Data,
    #[serde(default)]
    market: Terms,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Network {
    hidden: Vec<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Data {
    seed: u64,
    held_out: f64,
    label: Option<toml::Value>,
    scale: Option<toml::Value>,
}

impl Default for Data {
    fn default() -> Self {
        Self {
            seed: 0,
            held_out: 0.1,
            label: None,
            scale: None,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Terms {
    workers: u32,
    evaluators: u32,
    target: f64,
    deadline: u32,
    gpu: bool,
    fee: Option<toml::Value>,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            workers: 1,
            evaluators: 3,
            target: 0.9,
            deadline: 4_000,
            gpu: false,
            fee: None,
        }
    }
}

impl Spec {
    /// Reads a specification.
    ///
    /// # Errors
    /// [`SpecError`]; bounds that need the data or the chain's rules are checked later, by [`Order::validate`].
    pub fn parse(text: &str) -> Result<Self, SpecError> {
        let file: File = toml::from_str(text).map_err(|reason| {
            SpecError::Toml(reason.to_string().trim_end().replace('\n', "\n  "))
        })?;
        let (data, market) = (file.data, file.market);
        let name = file.name;
        if name.len() > quern_market::order::MAX_NAME as usize {
            return Err(bounds("name", "at most 64 bytes"));
        }
        if file.network.hidden.len() > quern_work::task::MAX_HIDDEN as usize {
            return Err(bounds("network.hidden", "1 to 16 layers"));
        }
        let held_out = millionths(data.held_out)
            .filter(|part| (1..MILLION).contains(part))
            .ok_or_else(|| bounds("data.held_out", "a part of the rows, such as 0.1"))?;
        let scale = match data.scale.as_ref().map(number) {
            None => Scale::GREY,
            Some(text) => text
                .and_then(|text| text.parse().ok())
                .ok_or_else(|| bounds("data.scale", "a positive number with at most 6 decimals"))?,
        };
        let label = match &data.label {
            None => csv::Label::Usual,
            Some(toml::Value::String(name)) => csv::Label::Column(name.clone()),
            Some(toml::Value::Integer(column)) => csv::Label::Column(column.to_string()),
            Some(_) => return Err(bounds("data.label", "a column's name or number")),
        };
        let target = millionths(market.target)
            .ok_or_else(|| bounds("market.target", "a part of the answers, such as 0.9"))?;
        let fee = match market.fee.as_ref().map(number) {
            None => None,
            Some(text) => Some(
                text.and_then(|text| parse_decimal(&text, TOKEN_DECIMALS))
                    .ok_or_else(|| bounds("market.fee", "an amount of QRN, such as 12.5"))?,
            ),
        };
        Ok(Self {
            name,
            hidden: file.network.hidden,
            training: file.training,
            split: Split {
                seed: data.seed,
                held_out,
            },
            csv: csv::Format { label, scale },
            market: Market {
                workers: market.workers,
                evaluators: market.evaluators,
                target,
                deadline: market.deadline,
                gpu: market.gpu,
                fee,
            },
        })
    }

    /// Loads the rows that a source names, shuffled and split as the specification says.
    ///
    /// # Errors
    /// As [`Source::load`].
    pub fn load(&self, source: &Source) -> Result<dataset::Loaded, dataset::LoadError> {
        self.source(source).load_split(&self.split)
    }

    /// A source, read as the specification says.
    #[must_use]
    pub fn source(&self, source: &Source) -> Source {
        match source {
            Source::Csv { file, .. } => Source::Csv {
                file: file.clone(),
                format: self.csv.clone(),
            },
            other => other.clone(),
        }
    }

    /// The order of this job over data with these commitments, served at `contact`.
    ///
    /// # Errors
    /// [`SpecError::Bounds`] when the contact is too long. What the chain demands is for [`Order::validate`].
    pub fn order(
        &self,
        training: Dataset,
        held_out: Dataset,
        contact: &str,
    ) -> Result<Order, SpecError> {
        let name = self.name.clone().into_bytes().try_into();
        let hidden = self.hidden.clone().try_into();
        Ok(Order {
            name: name.map_err(|_| bounds("name", "at most 64 bytes"))?,
            spec: TaskSpec {
                dataset: training,
                hidden: hidden.map_err(|_| bounds("network.hidden", "1 to 16 layers"))?,
                batch: self.training.batch,
                lr_shift: self.training.lr_shift,
                lr_every: self.training.lr_every,
                segment: self.training.segment,
            },
            held_out,
            steps: self.training.steps,
            workers: self.market.workers,
            evaluators: self.market.evaluators,
            target: self.market.target,
            deadline: self.market.deadline,
            gpu: self.market.gpu,
            contact: (contact.as_bytes().to_vec().try_into())
                .map_err(|_| bounds("the contact", "at most 128 bytes"))?,
        })
    }
}

const fn bounds(key: &'static str, bounds: &'static str) -> SpecError {
    SpecError::Bounds { key, bounds }
}

/// A part of one, in millionths.
fn millionths(part: f64) -> Option<u32> {
    (0.0..=1.0)
        .contains(&part)
        .then(|| (part * f64::from(MILLION)).round() as u32)
}

/// A number as it was written, or nearly so.
fn number(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::Integer(whole) => Some(whole.to_string()),
        toml::Value::Float(real) => Some(real.to_string()),
        toml::Value::String(text) => Some(text.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quern_market::OrderError;

    const SHORTEST: &str = "name = \"digits\"\nnetwork.hidden = [64]\n";
    const EXAMPLE: &str = include_str!("../../docs/spec.example.toml");

    fn commitment(row_blocks: u32) -> Dataset {
        Dataset {
            root: [1; 32],
            row_blocks,
            features: 784,
            classes: 10,
        }
    }

    #[test]
    fn the_example_names_every_key_with_its_default() {
        let shortest = Spec::parse(SHORTEST).unwrap();
        let example = Spec::parse(EXAMPLE).unwrap();
        assert_eq!(example, shortest);
        // Keys without a default stand there as comments: they must read, too.
        let open: String = EXAMPLE
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(key) if key.starts_with(char::is_lowercase) && key.contains(" = ") => key,
                _ => line,
            })
            .flat_map(|line| [line, "\n"])
            .collect();
        let full = Spec::parse(&open).unwrap();
        assert_eq!(full.market.fee, Some(12_500_000_000_000));
        assert_eq!(full.csv.label, csv::Label::Column("label".into()));
    }

    #[test]
    fn a_specification_becomes_an_order_that_a_chain_takes() {
        let spec = Spec::parse(SHORTEST).unwrap();
        let order = spec.order(commitment(1_000), commitment(100), "/ip4/127.0.0.1");
        let order = order.unwrap();
        assert_eq!(order.validate(32), Ok(()));
        assert_eq!(order.name.as_slice(), b"digits");
        assert_eq!((order.target, order.workers), (900_000, 1));
        assert_eq!(
            order.validate(64),
            Err(OrderError::Task(quern_work::TaskError::Rank))
        );
        assert!(
            spec.order(commitment(1), commitment(1), &"x".repeat(129))
                .is_err()
        );
    }

    #[test]
    fn amounts_and_parts_read_as_numbers_or_text() {
        let spec = |more: &str| Spec::parse(&format!("{SHORTEST}{more}"));
        for (text, fee) in [("2", 2_000_000_000_000), ("\"0.5\"", 500_000_000_000)] {
            let spec = spec(&format!("market.fee = {text}")).unwrap();
            assert_eq!(spec.market.fee, Some(fee));
        }
        assert_eq!(spec("market.target = 1").unwrap().market.target, MILLION);
        assert_eq!(
            spec("data.held_out = 0.25").unwrap().split.held_out,
            250_000
        );
        assert_eq!(
            spec("data.scale = 1.5").unwrap().csv.scale,
            "1.5".parse().unwrap()
        );
        assert_eq!(
            spec("data.label = 4").unwrap().csv.label,
            csv::Label::Column("4".into())
        );
    }

    #[test]
    fn every_flaw_names_its_key() {
        let refusal = |more: &str| {
            let refused = Spec::parse(&format!("{SHORTEST}{more}")).unwrap_err();
            refused.to_string()
        };
        for (text, key) in [
            ("market.target = 1.1", "market.target"),
            ("market.fee = -1", "market.fee"),
            ("data.held_out = 0", "data.held_out"),
            ("data.held_out = 1.0", "data.held_out"),
            ("data.scale = 0", "data.scale"),
            ("data.label = 1.5", "data.label"),
            ("training.batches = 4", "batches"),
            ("training.batch = \"x\"", "batch"),
            ("colour = 1", "colour"),
        ] {
            assert!(refusal(text).contains(key), "{text}: {}", refusal(text));
        }
        assert!(
            Spec::parse("name = \"x\"")
                .unwrap_err()
                .to_string()
                .contains("network")
        );
        let long = format!("name = \"{}\"\nnetwork.hidden = [16]", "x".repeat(65));
        assert!(Spec::parse(&long).unwrap_err().to_string().contains("name"));
    }
}
