//! Which rows train and which are held out.

use quern_work::hash::{Context, derive, xof};

use super::Rows;

const SHUFFLE: Context = Context::new("quern/v1/shuffle");
/// One, in millionths.
const MILLION: u32 = 1_000_000;

/// A shuffle and a split of rows; the same rows and the same split always give the same two commitments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    /// Seed of the shuffle.
    pub seed: u64,
    /// Rows held out, in millionths of all; below one million.
    pub held_out: u32,
}

impl Split {
    /// Training rows among `rows`.
    pub(super) fn training(&self, rows: usize) -> usize {
        let held_out = rows as u128 * u128::from(self.held_out.min(MILLION)) / u128::from(MILLION);
        rows - held_out as usize
    }

    /// The rows in the order that the seed gives (Fisher and Yates, from the last row down).
    pub(super) fn shuffle(&self, rows: Rows) -> Rows {
        let mut order: Vec<usize> = (0..rows.labels.len()).collect();
        let mut stream = xof(&derive(SHUFFLE, &[&self.seed.to_le_bytes()]), b"rows");
        for last in (1..order.len()).rev() {
            let mut word = [0; 8];
            stream.fill(&mut word);
            let draw = u128::from(u64::from_le_bytes(word)) * (last as u128 + 1);
            order.swap(last, (draw >> 64) as usize);
        }
        let mut features = Vec::with_capacity(rows.features.len());
        for row in &order {
            features.extend_from_slice(&rows.features[row * rows.width..][..rows.width]);
        }
        let labels = order.iter().map(|row| rows.labels[*row]).collect();
        Rows {
            features,
            labels,
            ..rows
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(count: u16) -> Rows {
        Rows {
            features: (0..count)
                .flat_map(|row| [row as i8, -(row as i8)])
                .collect(),
            labels: (0..count).collect(),
            width: 2,
            classes: count.into(),
        }
    }

    fn shuffled(seed: u64) -> Rows {
        let held_out = 0;
        Split { seed, held_out }.shuffle(rows(60))
    }

    #[test]
    fn features_move_with_their_labels_and_none_is_lost() {
        let rows = shuffled(1);
        for (pair, label) in rows.features.chunks_exact(2).zip(&rows.labels) {
            assert_eq!(pair, [*label as i8, -(*label as i8)]);
        }
        let mut labels = rows.labels;
        assert!(!labels.is_sorted());
        labels.sort_unstable();
        assert_eq!(labels, (0..60).collect::<Vec<_>>());
    }

    #[test]
    fn the_seed_alone_decides_the_order() {
        assert_eq!(shuffled(1), shuffled(1));
        assert_ne!(shuffled(1), shuffled(2));
        let labels = &shuffled(7).labels[..8];
        assert_eq!(
            labels, GOLDEN,
            "a split must be found again after any update"
        );
    }

    /// First labels of 60 rows shuffled by seed 7.
    const GOLDEN: [u16; 8] = [37, 13, 0, 44, 12, 15, 7, 18];

    #[test]
    fn the_held_out_part_is_rounded_down() {
        let training = |rows, held_out| Split { seed: 0, held_out }.training(rows);
        assert_eq!(training(100, 200_000), 80);
        assert_eq!(training(99, 200_000), 80);
        assert_eq!(training(10, 0), 10);
        assert_eq!(training(10, u32::MAX), 0);
    }
}
