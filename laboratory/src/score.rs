//! Who behaves oddly: rates of each voter, their z-scores, and an isolation score.
//!
//! An observer's view: it takes nothing but recorded votes, and knows no roles. The z-scores are the modified ones of
//! Iglewicz and Hoaglin, "How to Detect and Handle Outliers" (1993): distances from the median in units that outliers
//! barely move, so that a tenth of liars doesn't hide itself.

use std::collections::HashMap;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use crate::{
    config::Scoring,
    forest::Forest,
    record::{BlockRow, VoteRow},
};

/// Stream of the seed's generator that forests grow from; nodes and network have the low ones.
const FOREST_STREAM: u64 = u64::MAX;

/// The least that counts as one standard deviation: a rate's ten points, or a tenth of the median latency.
/// Where nearly all are equal, small differences are no anomalies; nor is an honest node that begins in a minority.
const LEAST_DEVIATION: f64 = 0.1;

/// What is measured of a voter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    /// Questions that it answered in time.
    Response,
    /// Its answers that agree with their poll, where that had αp votes for one block.
    Agreement,
    /// Its answers that contradict the one before.
    Flips,
    /// Mean time until it answered.
    Latency,
}

impl Measure {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Response, Self::Agreement, Self::Flips, Self::Latency];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Response => "response",
            Self::Agreement => "agreement",
            Self::Flips => "flips",
            Self::Latency => "latency",
        }
    }

    /// Whether more of it is worse.
    const fn is_worse_above(self) -> bool {
        matches!(self, Self::Flips | Self::Latency)
    }
}

/// A voter's score.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScoreRow {
    /// The voter.
    pub node: u32,
    /// Questions to it.
    pub asked: u64,
    /// Part of them that it answered in time.
    pub response: Option<f64>,
    /// Part of its answers that agree with their poll.
    pub agreement: Option<f64>,
    /// Part of its answers that contradict the one before.
    pub flips: Option<f64>,
    /// Mean time until it answered, in microseconds.
    pub latency_us: Option<f64>,
    /// Isolation score of response, agreement and flips, 0 to 1.
    pub isolation: f64,
    /// Whether it scores as badly as the thresholds say.
    pub suspect: bool,
}

impl ScoreRow {
    /// The value of a measure.
    pub const fn get(&self, measure: Measure) -> Option<f64> {
        match measure {
            Measure::Response => self.response,
            Measure::Agreement => self.agreement,
            Measure::Flips => self.flips,
            Measure::Latency => self.latency_us,
        }
    }
}

/// A value far from the mean of all voters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Anomaly {
    /// The voter.
    pub node: u32,
    /// What is odd.
    pub measure: Measure,
    /// Its value.
    pub value: f64,
    /// Its modified z-score.
    pub z: f64,
}

/// Scores of all voters.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Scores {
    /// Each voter that was asked.
    pub nodes: Vec<ScoreRow>,
    /// Values whose z-score is at least `score.z`, whichever sign.
    pub anomalies: Vec<Anomaly>,
}

#[derive(Clone, Debug, Default)]
struct Sums {
    asked: u64,
    answered: u64,
    compared: u64,
    agreed: u64,
    flips: u64,
    latency_us: u64,
    last: Option<u32>,
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// The block with most slots in each poll that gave one of them `quorum` slots.
fn quorums(votes: &[VoteRow], quorum: u32) -> HashMap<(u32, u64), u32> {
    let mut tallies = HashMap::<(u32, u64), Vec<(u32, u32)>>::new();
    for vote in votes.iter().filter(|vote| vote.counted) {
        let Some(block) = vote.supports else {
            continue;
        };
        let tally = tallies.entry((vote.asker, vote.poll)).or_default();
        match tally.iter_mut().find(|(other, _)| *other == block) {
            Some((_, slots)) => *slots = slots.saturating_add(vote.slots),
            None => tally.push((block, vote.slots)),
        }
    }
    let leading = |tally: Vec<(u32, u32)>| {
        let most = tally.into_iter().max_by_key(|(_, slots)| *slots)?;
        (most.1 >= quorum).then_some(most.0)
    };
    let with = |(poll, tally)| leading(tally).map(|block| (poll, block));
    tallies.into_iter().filter_map(with).collect()
}

fn sums(votes: &[VoteRow], blocks: &[BlockRow], quorum: u32, nodes: u32) -> Vec<Sums> {
    let leading = quorums(votes, quorum);
    let heights: HashMap<u32, u32> = blocks.iter().map(|b| (b.number, b.height)).collect();
    let mut sums = vec![Sums::default(); nodes as usize];
    for vote in votes {
        let Some(sum) = sums.get_mut(vote.voter as usize) else {
            continue;
        };
        sum.asked += 1;
        if vote.choice.is_none() {
            continue;
        }
        sum.answered += 1;
        sum.latency_us = sum.latency_us.saturating_add(vote.latency_us);
        let Some(block) = vote.supports else {
            continue;
        };
        if let Some(leading) = leading
            .get(&(vote.asker, vote.poll))
            .filter(|_| vote.counted)
        {
            sum.compared += 1;
            sum.agreed += u64::from(*leading == block);
        }
        // Two blocks of one height exclude each other; those of different heights may stand on each other.
        let contradicts = |last: &u32| *last != block && heights.get(last) == heights.get(&block);
        sum.flips += u64::from(sum.last.as_ref().is_some_and(contradicts));
        sum.last = Some(block);
    }
    sums
}

/// Scores the voters of recorded votes. `quorum` is αp; the seed decides how the forest grows.
pub fn score(
    votes: &[VoteRow],
    blocks: &[BlockRow],
    nodes: u32,
    quorum: u32,
    seed: u64,
    scoring: &Scoring,
) -> Scores {
    let mut rows: Vec<ScoreRow> = (0u32..)
        .zip(sums(votes, blocks, quorum, nodes))
        .filter(|(_, sum)| sum.asked > 0)
        .map(|(node, sum)| ScoreRow {
            node,
            asked: sum.asked,
            response: ratio(sum.answered, sum.asked),
            agreement: ratio(sum.agreed, sum.compared),
            flips: ratio(sum.flips, sum.answered.saturating_sub(1)),
            latency_us: ratio(sum.latency_us, sum.answered),
            isolation: 0.0,
            suspect: false,
        })
        .collect();
    let scales = Measure::ALL.map(|measure| {
        let values: Vec<f64> = rows.iter().filter_map(|row| row.get(measure)).collect();
        Scale::of(values, measure)
    });
    let mut anomalies = Vec::new();
    for row in &mut rows {
        for (measure, scale) in Measure::ALL.into_iter().zip(&scales) {
            let Some(value) = row.get(measure) else {
                continue;
            };
            let z = scale.z(value);
            if z.abs() >= scoring.z {
                anomalies.push(Anomaly {
                    node: row.node,
                    measure,
                    value,
                    z,
                });
                row.suspect |= (z > 0.0) == measure.is_worse_above();
            }
        }
    }
    // What is unknown of a voter counts as the median.
    let [response, agreement, flips, _] = scales.map(|scale| scale.median);
    let point = |row: &ScoreRow| {
        [
            row.response.unwrap_or(response),
            row.agreement.unwrap_or(agreement),
            row.flips.unwrap_or(flips),
        ]
    };
    let points: Vec<[f64; 3]> = rows.iter().map(point).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(FOREST_STREAM);
    let forest = Forest::grow(&points, scoring.trees, scoring.sample, &mut rng);
    for (row, point) in rows.iter_mut().zip(&points) {
        row.isolation = forest.score(point);
        row.suspect |= row.isolation >= scoring.isolation;
    }
    Scores {
        nodes: rows,
        anomalies,
    }
}

/// Where most values lie.
#[derive(Clone, Copy, Debug)]
struct Scale {
    median: f64,
    /// What counts as one standard deviation; 0 if all values are equal.
    deviation: f64,
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

impl Scale {
    fn of(mut values: Vec<f64>, measure: Measure) -> Self {
        let middle = median(&mut values);
        let mut distances: Vec<f64> = values.iter().map(|value| (value - middle).abs()).collect();
        let least = match measure {
            Measure::Latency => LEAST_DEVIATION * middle,
            _ => LEAST_DEVIATION,
        };
        Self {
            median: middle,
            // The factor makes a normal distribution's standard deviation of the median distance.
            deviation: (1.482_602 * median(&mut distances)).max(least),
        }
    }

    fn z(&self, value: f64) -> f64 {
        match self.deviation {
            0.0 => 0.0,
            deviation => (value - self.median) / deviation,
        }
    }
}

/// How well the suspects are the Byzantine nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Detection {
    /// Byzantine nodes that are suspect.
    pub found: u32,
    /// Byzantine nodes that are not.
    pub missed: u32,
    /// Honest nodes that are suspect.
    pub false_alarms: u32,
}

impl Scores {
    /// Compares the suspects with who is Byzantine.
    pub fn detection(&self, is_byzantine: impl Fn(u32) -> bool) -> Detection {
        let mut detection = Detection::default();
        for row in &self.nodes {
            match (row.suspect, is_byzantine(row.node)) {
                (true, true) => detection.found += 1,
                (false, true) => detection.missed += 1,
                (true, false) => detection.false_alarms += 1,
                (false, false) => {}
            }
        }
        detection
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Configuration, config::Strategy, record::Said, simulate};

    fn block(number: u32, height: u32) -> BlockRow {
        BlockRow {
            number,
            parent: 0,
            height,
            rival: 0,
            accepted_by: 0,
            id: String::new(),
        }
    }

    fn vote(asker: u32, poll: u64, voter: u32, supports: Option<u32>) -> VoteRow {
        VoteRow {
            time_us: 0,
            asker,
            poll,
            voter,
            slots: 1,
            asked: 1,
            choice: supports,
            supports,
            said: Said::Prefer,
            counted: true,
            latency_us: 10,
        }
    }

    #[test]
    fn rates_are_of_questions_quorums_and_answers() {
        let votes = [
            vote(9, 0, 0, Some(1)),
            vote(9, 0, 1, Some(1)),
            vote(9, 0, 2, Some(2)),
            // No quorum: nothing to agree with.
            vote(9, 1, 0, Some(1)),
            vote(9, 1, 2, Some(2)),
            // A further height contradicts nothing.
            vote(9, 2, 0, Some(3)),
            vote(9, 3, 1, Some(2)),
            vote(9, 4, 1, None),
        ];
        let blocks = [block(1, 1), block(2, 1), block(3, 2)];
        let scores = score(&votes, &blocks, 4, 2, 0, &Scoring::default());
        let of = |row: &ScoreRow| (row.node, row.asked, row.response, row.agreement, row.flips);
        let rows: Vec<_> = scores.nodes.iter().map(of).collect();
        assert_eq!(
            rows,
            [
                (0, 3, Some(1.0), Some(1.0), Some(0.0)),
                (1, 3, Some(2.0 / 3.0), Some(1.0), Some(1.0)),
                (2, 2, Some(1.0), Some(0.0), Some(0.0)),
            ]
        );
        assert_eq!(scores.nodes[0].latency_us, Some(10.0));
    }

    #[test]
    fn liars_are_found_among_a_hundred_and_the_seed_repeats_the_scores() {
        for strategy in [
            Strategy::Silent,
            Strategy::AlwaysOther,
            Strategy::Flip,
            Strategy::Equivocate,
        ] {
            let mut configuration = Configuration::default();
            configuration.byzantine.nodes = 10;
            configuration.byzantine.strategy = strategy;
            configuration.workload.shares = vec![3, 1];
            let run = simulate(&configuration, true, &mut |_, _| ()).unwrap();
            let of = |seed| {
                let (votes, blocks) = (&run.record.votes, &run.record.blocks);
                score(votes, blocks, 100, 15, seed, &configuration.score)
            };
            let scores = of(0);
            assert_eq!(scores, of(0));
            assert_ne!(scores, of(1));
            let detection = scores.detection(|node| configuration.is_byzantine(node));
            assert_eq!((detection.found, detection.missed), (10, 0), "{strategy:?}");
            assert!(detection.false_alarms <= 9, "{strategy:?} {detection:?}");
            let worst = scores.nodes[90..]
                .iter()
                .map(|row| row.isolation)
                .fold(1.0, f64::min);
            let mean = scores.nodes[..90]
                .iter()
                .map(|row| row.isolation)
                .sum::<f64>()
                / 90.0;
            assert!(worst > mean + 0.05, "{strategy:?} {worst} {mean}");
        }
    }

    #[test]
    fn outliers_don_t_move_the_scale_and_equal_values_are_no_outliers() {
        let of = |values| Scale::of(values, Measure::Flips);
        let scale = of(vec![1.0, 2.0, 3.0, 4.0, 1e9]);
        assert_eq!((scale.median, scale.z(3.0)), (3.0, 0.0));
        assert!((scale.z(4.0) - 1.0 / 1.482_602).abs() < 1e-9);
        let mostly = of([vec![1.0; 85], vec![0.0; 15]].concat());
        assert!(mostly.z(0.0) < -5.0 && mostly.z(1.0) == 0.0 && mostly.z(0.9) > -2.5);
        assert_eq!(of(Vec::new()).z(0.0), 0.0);
        assert_eq!(Scale::of(Vec::new(), Measure::Latency).z(2.0), 0.0);
    }

    #[test]
    fn no_votes_make_no_scores() {
        let scores = score(&[], &[], 4, 2, 0, &Scoring::default());
        assert!(scores.nodes.is_empty() && scores.anomalies.is_empty());
    }
}
