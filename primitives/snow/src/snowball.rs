//! Snowflake with a memory: the choice with most successful polls is preferred.

use alloc::vec::Vec;

use crate::{Error, Parameters, Snowflake};

/// An instance among many choices.
#[derive(Clone, Debug)]
pub struct Snowball<T> {
    flake: Snowflake<T>,
    preference: T,
    strength: Vec<(T, u64)>,
    capacity: usize,
}

/// An instance between two choices.
pub type BinarySnowball = Snowball<bool>;

impl<T: Clone + PartialEq> Snowball<T> {
    /// An instance that prefers `initial`. It counts the strength of at most `max_outstanding_items` choices; polls
    /// for further ones still move the Snowflake inside.
    ///
    /// # Errors
    /// Parameters out of bounds.
    pub fn with(parameters: &Parameters, initial: T) -> Result<Self, Error> {
        Ok(Self {
            flake: Snowflake::with(parameters, initial.clone())?,
            preference: initial,
            strength: Vec::new(),
            capacity: parameters.max_outstanding_items as usize,
        })
    }

    /// Takes in a poll in which `choice` got `count` votes. After the decision nothing changes.
    pub fn poll(&mut self, count: u32, choice: &T) {
        if self.finalized() {
            return;
        }
        if count >= self.flake.alpha_preference() {
            self.strengthen(choice);
        }
        self.flake.poll(count, choice);
    }

    fn strengthen(&mut self, choice: &T) {
        let known = self.strength.iter().position(|(known, _)| known == choice);
        let strength = match known {
            Some(index) => {
                let strength = &mut self.strength[index].1;
                *strength = strength.saturating_add(1);
                *strength
            }
            None if self.strength.len() < self.capacity => {
                self.strength.push((choice.clone(), 1));
                1
            }
            None => return,
        };
        let strongest = self
            .strength
            .iter()
            .all(|(other, s)| other == choice || *s < strength);
        if strongest {
            self.preference = choice.clone();
        }
    }

    /// Takes in a poll in which nothing got αp votes.
    pub fn unsuccessful(&mut self) {
        self.flake.unsuccessful();
    }

    /// The strongest choice, the older of equals; once decided the decision, which may be another.
    pub fn preference(&self) -> &T {
        if self.finalized() {
            self.flake.preference()
        } else {
            &self.preference
        }
    }

    /// Successful polls for `choice`.
    pub fn strength(&self, choice: &T) -> u64 {
        self.strength
            .iter()
            .find(|(known, _)| known == choice)
            .map_or(0, |(_, s)| *s)
    }

    /// Whether it is decided.
    pub fn finalized(&self) -> bool {
        self.flake.finalized()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// αp = 1 and αc = 2, which no poll of a valid `k` has.
    fn ball<T: Clone + PartialEq>(initial: T) -> Snowball<T> {
        let thresholds = [crate::Threshold {
            alpha_confidence: 2,
            beta: 2,
        }];
        Snowball {
            flake: Snowflake::new(1, &thresholds, initial.clone()).unwrap(),
            ..Snowball::with(&Parameters::default(), initial).unwrap()
        }
    }

    #[test]
    fn the_strongest_is_preferred_until_the_decision() {
        let mut ball = ball('R');
        let polls = [
            (2, 'B', 'B'),
            (2, 'R', 'B'),
            (1, 'R', 'R'),
            (2, 'R', 'R'),
            (1, 'B', 'R'),
            (2, 'B', 'R'),
            (2, 'B', 'B'),
        ];
        for (count, choice, preference) in polls {
            assert!(!ball.finalized());
            ball.poll(count, &choice);
            assert_eq!(*ball.preference(), preference);
        }
        assert!(ball.finalized());
    }

    #[test]
    fn a_decision_needs_no_greater_strength() {
        let mut ball: BinarySnowball = ball(true);
        for _ in 0..2 {
            ball.poll(2, &true);
            ball.unsuccessful();
            assert!(*ball.preference() && !ball.finalized());
        }
        ball.poll(2, &false);
        assert!(*ball.preference() && !ball.finalized());
        ball.poll(2, &false);
        assert!(!*ball.preference() && ball.finalized());
        assert_eq!((ball.strength(&true), ball.strength(&false)), (2, 2));
    }
}
