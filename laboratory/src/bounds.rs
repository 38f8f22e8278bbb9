//! How likely a wrong decision is, and how long a right one takes: a first-order model.
//!
//! Honest nodes stand at the tipping point: as many of them leave a colour as join it, while Byzantine stake `b`, with
//! full knowledge, answers every poll as suits it best. From there the chance that a poll of a node has αc answers
//! for a colour is `q`, and a decision needs β of them in a row. Polls are taken as independent and stake as divisible;
//! adaptive delays and correlated failures are left out. So these are orders of magnitude, no proof.

use quern_snow::Parameters;
use serde::Serialize;

/// Steps of the search for the tipping point.
const STEPS: u32 = 20_000;

/// Halvings that narrow it down.
const HALVINGS: u32 = 60;

/// P[Bin(n, p) ≥ least], summed from the smaller terms up.
pub fn at_least(n: u32, p: f64, least: u32) -> f64 {
    let p = p.clamp(0.0, 1.0);
    if least == 0 || p >= 1.0 {
        return f64::from(u8::from(least <= n));
    }
    if p <= 0.0 || least > n {
        return 0.0;
    }
    let ln_factorial = |n: u32| (2..=n).map(|i| f64::from(i).ln()).sum::<f64>();
    let choose = ln_factorial(n) - ln_factorial(least) - ln_factorial(n - least);
    let first = choose + f64::from(least) * p.ln() + f64::from(n - least) * (-p).ln_1p();
    let odds = p / (1.0 - p);
    let mut term = first.exp();
    let mut sum = 0.0;
    for successes in least..=n {
        sum += term;
        term *= odds * f64::from(n - successes) / f64::from(successes + 1);
    }
    sum.min(1.0)
}

/// Mean polls until β of them in a row succeed, of which `streak` have, if each succeeds with chance `p`.
pub fn expected_polls(p: f64, beta: u32, streak: u32) -> f64 {
    let missing = f64::from(beta.saturating_sub(streak));
    if p >= 1.0 {
        return missing;
    }
    let power = |n: u32| p.powf(-f64::from(n));
    (power(beta) - power(streak.min(beta))) / (1.0 - p)
}

/// The share of honest stake at which as many nodes leave a colour as join it: s in (0, c) with
/// `(c − s) T(s) = s T(1 − s)`, c = 1 − b, T(x) = P[Bin(k, x) ≥ αp], where the left side begins to exceed the right. The
/// equation has a second, stable root next to c: all honest nodes agree there. None if there is no such point.
pub fn tipping_point(parameters: &Parameters, byzantine: f64) -> Option<f64> {
    let honest = 1.0 - byzantine;
    let moved = |share: f64| at_least(parameters.k, share, parameters.alpha_preference);
    let drift = |s: f64| (honest - s) * moved(s) - s * moved(1.0 - s);
    let step = |n: u32| honest * f64::from(n) / f64::from(STEPS);
    let place = (1..STEPS).find(|n| drift(step(*n)) > 0.0)?;
    let (mut low, mut high) = (step(place - 1), step(place));
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        if drift(middle) > 0.0 {
            high = middle;
        } else {
            low = middle;
        }
    }
    Some(high)
}

/// How large the network and its work are, for the union bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Exposure {
    /// Honest nodes.
    pub nodes: u64,
    /// Heights, that is decisions of each node.
    pub heights: u64,
    /// Polls of a decision with which a run of β may begin.
    pub rounds: u64,
}

impl Default for Exposure {
    fn default() -> Self {
        Self {
            nodes: 1,
            heights: 1,
            rounds: 1,
        }
    }
}

/// What the model says for one share of Byzantine stake.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Bound {
    /// The share of stake that is Byzantine, or silent.
    pub byzantine: f64,
    /// Honest share at the tipping point.
    pub tipping: Option<f64>,
    /// Chance of one poll with αc answers there, Byzantine stake joining in.
    pub poll: f64,
    /// Chance of a wrong decision, at most.
    pub error: f64,
    /// Chance that a poll succeeds if all honest nodes agree and Byzantine stake is silent.
    pub success: f64,
    /// Mean polls until a decision then.
    pub expected_polls: f64,
}

/// The bound for a share of Byzantine stake.
pub fn bound(parameters: &Parameters, byzantine: f64, exposure: &Exposure) -> Bound {
    let byzantine = byzantine.clamp(0.0, 1.0);
    let tipping = tipping_point(parameters, byzantine);
    let confident = |share: f64| at_least(parameters.k, share, parameters.alpha_confidence);
    // Without a tipping point the adversary tips whatever it likes.
    let poll = tipping.map_or(1.0, |share| confident(share + byzantine));
    let factor = [exposure.nodes, exposure.heights, exposure.rounds]
        .iter()
        .map(|n| *n as f64)
        .product::<f64>();
    let success = confident(1.0 - byzantine);
    Bound {
        byzantine,
        tipping,
        poll,
        error: (factor * poll.powf(parameters.beta.into())).min(1.0),
        success,
        expected_polls: expected_polls(success, parameters.beta, 0),
    }
}

/// A number rounded up to one digit, as bounds are stated: `6e-18`.
pub fn up_to_one_digit(value: f64) -> String {
    if value <= 0.0 || !value.is_finite() {
        return format!("{value}");
    }
    let mut exponent = value.log10().floor() as i32;
    // A hair less, so that 3e-7 itself stays 3e-7.
    let mut digit = (value / 10f64.powi(exponent) - 1e-9).ceil() as i32;
    if digit >= 10 {
        (digit, exponent) = (1, exponent + 1);
    }
    format!("{digit}e{exponent}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_default_parameters_have_the_stated_bounds() {
        for (byzantine, error, polls) in [
            (0.10, "6e-18", 23.0),
            (0.20, "3e-7", 394.0),
            (0.25, "7e-4", 40_600.0),
        ] {
            let bound = bound(&Parameters::default(), byzantine, &Exposure::default());
            assert_eq!(up_to_one_digit(bound.error), error);
            let off = bound.expected_polls / polls - 1.0;
            assert!(off.abs() < 0.02, "{byzantine}: {}", bound.expected_polls);
        }
        let quarter = bound(&Parameters::default(), 0.25, &Exposure::default());
        assert!((quarter.expected_polls / 40_600.0 - 1.0).abs() < 0.002);
    }

    #[test]
    fn the_union_bound_multiplies_and_never_exceeds_one() {
        let of = |nodes| {
            let exposure = Exposure {
                nodes,
                heights: 10,
                rounds: 10,
            };
            bound(&Parameters::default(), 0.2, &exposure).error
        };
        assert!((of(10) / of(1) - 10.0).abs() < 1e-9);
        assert_eq!(of(u64::MAX), 1.0);
    }

    #[test]
    fn a_coin_and_sure_things_have_known_chances() {
        assert!((at_least(4, 0.5, 3) - 5.0 / 16.0).abs() < 1e-12);
        assert_eq!((at_least(4, 1.0, 4), at_least(4, 0.0, 1)), (1.0, 0.0));
        assert_eq!((at_least(4, 0.3, 0), at_least(4, 0.3, 5)), (1.0, 0.0));
        assert_eq!(expected_polls(1.0, 20, 5), 15.0);
        assert!((expected_polls(0.5, 2, 0) - 6.0).abs() < 1e-12);
        assert!((expected_polls(0.5, 2, 1) - 4.0).abs() < 1e-12);
    }

    #[test]
    fn bounds_are_rounded_up() {
        for (value, text) in [
            (5.2e-18, "6e-18"),
            (9.1e-4, "1e-3"),
            (3e-7, "3e-7"),
            (1.0, "1e0"),
        ] {
            assert_eq!(up_to_one_digit(value), text);
        }
    }

    proptest! {
        #[test]
        fn a_tail_is_the_sum_of_its_terms(n in 1u32..40, p in 0.01f64..0.99, least in 0u32..41) {
            let term = |i: u32| {
                let choose = (0..i).fold(1.0, |c, j| c * f64::from(n - j) / f64::from(j + 1));
                choose * p.powi(i as i32) * (1.0 - p).powi((n - i) as i32)
            };
            let sum: f64 = (least..=n).map(term).sum();
            prop_assert!((at_least(n, p, least) - sum).abs() < 1e-9);
        }
    }
}
