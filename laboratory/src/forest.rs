//! An isolation forest, grown from a seed: what stands alone is separated from the rest by few random cuts.
//!
//! Liu, Ting, Zhou: "Isolation Forest", ICDM 2008, algorithms 1 to 3 and equation 2. Grown here because the crates
//! for it draw from the thread's generator, so that no seed makes their scores repeat; a test compares with one of them.

use rand::{Rng, seq::index};

/// Euler's constant, for the mean depth of a search tree.
const EULER: f64 = 0.577_215_664_901_532_9;

enum Tree {
    Leaf(usize),
    Cut {
        feature: usize,
        at: f64,
        below: Box<Self>,
        above: Box<Self>,
    },
}

/// A forest over points of `N` features.
pub struct Forest<const N: usize> {
    trees: Vec<Tree>,
    sample: usize,
}

/// Mean depth of an unsuccessful search in a binary search tree of `n` points.
fn mean_depth(n: usize) -> f64 {
    match n {
        0 | 1 => 0.0,
        2 => 1.0,
        _ => {
            let n = n as f64;
            2.0 * ((n - 1.0).ln() + EULER) - 2.0 * (n - 1.0) / n
        }
    }
}

fn grow<const N: usize>(
    points: &[[f64; N]],
    members: &[usize],
    depth: u32,
    rng: &mut impl Rng,
) -> Tree {
    let range = |feature: usize| {
        let values = members.iter().map(|member| points[*member][feature]);
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        })
    };
    let spread = |feature: &usize| {
        let (low, high) = range(*feature);
        low < high
    };
    let features: Vec<usize> = (0..N).filter(spread).collect();
    if depth == 0 || features.is_empty() {
        return Tree::Leaf(members.len());
    }
    let feature = features[rng.gen_range(0..features.len())];
    let (low, high) = range(feature);
    let at = rng.gen_range(low..high);
    let (below, above): (Vec<usize>, Vec<usize>) = members
        .iter()
        .partition(|member| points[**member][feature] <= at);
    Tree::Cut {
        feature,
        at,
        below: Box::new(grow(points, &below, depth - 1, rng)),
        above: Box::new(grow(points, &above, depth - 1, rng)),
    }
}

impl<const N: usize> Forest<N> {
    /// A forest of `trees` trees, each over at most `sample` of the points. All values must be finite.
    pub fn grow(points: &[[f64; N]], trees: u32, sample: u32, rng: &mut impl Rng) -> Self {
        let sample = points.len().min(sample as usize);
        // Deep enough for a balanced tree of the sample.
        let depth = sample.max(1).next_power_of_two().ilog2();
        let tree = |_| {
            let members = index::sample(rng, points.len(), sample).into_vec();
            grow(points, &members, depth, rng)
        };
        Self {
            trees: (0..trees).map(tree).collect(),
            sample,
        }
    }

    /// How lonely a point is, 0 to 1: near 1 if few cuts separate it, about 0.5 or less if it is like others. 0.5 if
    /// the forest has seen fewer than two points.
    pub fn score(&self, point: &[f64; N]) -> f64 {
        let usual = mean_depth(self.sample);
        if usual <= 0.0 || self.trees.is_empty() {
            return 0.5;
        }
        let depths: f64 = self.trees.iter().map(|tree| depth(tree, point)).sum();
        f64::powf(2.0, -depths / self.trees.len() as f64 / usual)
    }
}

fn depth<const N: usize>(tree: &Tree, point: &[f64; N]) -> f64 {
    let (mut tree, mut cuts) = (tree, 0.0);
    loop {
        match tree {
            Tree::Leaf(size) => return cuts + mean_depth(*size),
            Tree::Cut {
                feature,
                at,
                below,
                above,
            } => {
                tree = if point[*feature] <= *at { below } else { above };
                cuts += 1.0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// A cloud with a lonely point at its end.
    fn points() -> Vec<[f64; 3]> {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut points: Vec<[f64; 3]> = (0..255)
            .map(|_| std::array::from_fn(|_| rng.gen_range(0.0..1.0)))
            .collect();
        points.push([4.0, -3.0, 5.0]);
        points
    }

    #[test]
    fn the_same_seed_grows_the_same_forest() {
        let points = points();
        let scores = |seed| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let forest = Forest::grow(&points, 50, 64, &mut rng);
            points
                .iter()
                .map(|point| forest.score(point))
                .collect::<Vec<_>>()
        };
        assert_eq!(scores(3), scores(3));
        assert_ne!(scores(3), scores(4));
    }

    #[test]
    fn what_stands_alone_scores_highest() {
        let points = points();
        let forest = Forest::grow(&points, 100, 256, &mut ChaCha8Rng::seed_from_u64(0));
        let lonely = forest.score(&points[255]);
        assert!(lonely > 0.7, "{lonely}");
        assert!(
            points[..255]
                .iter()
                .all(|point| forest.score(point) < lonely - 0.05)
        );
    }

    #[test]
    fn scores_are_those_of_another_implementation() {
        let points = points();
        let options = extended_isolation_forest::ForestOptions {
            n_trees: 400,
            sample_size: 128,
            max_tree_depth: None,
            extension_level: 0,
        };
        let other = extended_isolation_forest::Forest::from_slice(&points, &options).unwrap();
        let ours = Forest::grow(&points, 400, 128, &mut ChaCha8Rng::seed_from_u64(0));
        let distance = |point: &[f64; 3]| (ours.score(point) - other.score(point)).abs();
        let mean = points.iter().map(distance).sum::<f64>() / points.len() as f64;
        assert!(mean < 0.03, "{mean}");
        assert!(distance(&points[255]) < 0.06);
    }

    #[test]
    fn equal_points_and_none_are_no_outliers() {
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let same = [[1.0, 2.0]; 8];
        let forest = Forest::grow(&same, 10, 8, &mut rng);
        assert!((forest.score(&same[0]) - 0.5).abs() < 1e-12);
        let none = Forest::<2>::grow(&[], 10, 8, &mut rng);
        assert_eq!(none.score(&[0.0, 0.0]), 0.5);
    }
}
