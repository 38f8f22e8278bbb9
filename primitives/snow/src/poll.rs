//! One question to `k` slots, and the first-in-first-out set of them.

use alloc::{collections::VecDeque, vec::Vec};
use core::time::Duration;

use crate::{Bag, Error, Id, Parameters};

/// An answer to a poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vote<T = Id> {
    /// The poll.
    pub poll: u64,
    /// Who answers.
    pub voter: u32,
    /// What it prefers; none abstains. For a voter that is late the caller gives its last accepted block.
    pub choice: Option<T>,
}

#[derive(Clone, Debug)]
struct Seat {
    voter: u32,
    slots: u32,
    answered: bool,
}

#[derive(Clone, Debug)]
struct Poll<T> {
    number: u64,
    opened: Duration,
    /// Ascending by voter.
    seats: Vec<Seat>,
    bag: Bag<T>,
    counted: u32,
    remaining: u32,
}

impl<T: Eq> Poll<T> {
    /// No answer still to come can change the outcome: none is missing, αp is out of reach, or the leading choice
    /// has αc already, or αp with αc out of reach. As αp is more than half of `k`, nothing that the leading choice
    /// doesn't vouch for can get αp votes then.
    fn finished(&self, parameters: &Parameters) -> bool {
        let reach = self.counted.saturating_add(self.remaining);
        let lead = self.bag.lead();
        self.remaining == 0
            || reach < parameters.alpha_preference
            || lead >= parameters.alpha_confidence
            || (lead >= parameters.alpha_preference && reach < parameters.alpha_confidence)
    }
}

/// Open polls. One that ends early still waits for those opened before it.
#[derive(Clone, Debug)]
pub struct PollSet<T = Id> {
    parameters: Parameters,
    polls: VecDeque<Poll<T>>,
    next: u64,
}

impl<T: Clone + Eq> PollSet<T> {
    /// A set without polls.
    ///
    /// # Errors
    /// Parameters out of bounds.
    pub fn new(parameters: Parameters) -> Result<Self, Error> {
        parameters.validate()?;
        Ok(Self {
            parameters,
            polls: VecDeque::new(),
            next: 0,
        })
    }

    /// Opens a poll of `slots`, ascending by voter, at `now`; its number.
    ///
    /// # Errors
    /// `concurrent_polls` are open; the slots don't make `k`, or a voter has none or stands twice.
    pub fn open(&mut self, slots: &[(u32, u32)], now: Duration) -> Result<u64, Error> {
        if self.polls.len() >= self.parameters.concurrent_polls as usize {
            return Err(Error::TooManyPolls);
        }
        let total: u64 = slots.iter().map(|(_, slots)| u64::from(*slots)).sum();
        let ascending = slots.is_sorted_by(|a, b| a.0 < b.0);
        if total != u64::from(self.parameters.k) || !ascending || slots.iter().any(|(_, n)| *n == 0)
        {
            return Err(Error::Slots);
        }
        let number = self.next;
        self.next = number.checked_add(1).ok_or(Error::TooManyPolls)?;
        let seat = |&(voter, slots): &(u32, u32)| Seat {
            voter,
            slots,
            answered: false,
        };
        self.polls.push_back(Poll {
            number,
            opened: now,
            seats: slots.iter().map(seat).collect(),
            bag: Bag::new(),
            counted: 0,
            remaining: self.parameters.k,
        });
        Ok(number)
    }

    /// The slots of the voter, if its answer is still to come.
    ///
    /// # Errors
    /// The poll is not open, the voter was not asked or has answered.
    pub fn slots(&self, vote: &Vote<T>) -> Result<u32, Error> {
        self.seat(vote)
            .map(|(poll, seat)| self.polls[poll].seats[seat].slots)
    }

    fn place(&self, poll: u64) -> Result<usize, Error> {
        let unknown = Error::UnknownPoll(poll);
        let first = self.polls.front().ok_or(unknown)?.number;
        // Numbers are consecutive: polls end in the order in which they were opened.
        poll.checked_sub(first)
            .and_then(|n| usize::try_from(n).ok())
            .filter(|place| *place < self.polls.len())
            .ok_or(unknown)
    }

    fn seat(&self, vote: &Vote<T>) -> Result<(usize, usize), Error> {
        let place = self.place(vote.poll)?;
        let poll = &self.polls[place];
        let seat = poll
            .seats
            .binary_search_by_key(&vote.voter, |seat| seat.voter)
            .map_err(|_| Error::UnknownVoter(vote.voter))?;
        if poll.seats[seat].answered {
            return Err(Error::DuplicateVote(vote.voter));
        }
        Ok((place, seat))
    }

    /// Counts an answer with `weight` of its voter's slots. Ended polls are then ready to be taken.
    ///
    /// # Errors
    /// As [`Self::slots`].
    pub fn vote(&mut self, vote: &Vote<T>, weight: u32) -> Result<(), Error> {
        let (place, seat) = self.seat(vote)?;
        let poll = &mut self.polls[place];
        let seat = &mut poll.seats[seat];
        seat.answered = true;
        poll.remaining = poll.remaining.saturating_sub(seat.slots);
        if let Some(choice) = &vote.choice {
            let weight = weight.min(seat.slots);
            poll.bag.add(choice.clone(), weight);
            poll.counted = poll.counted.saturating_add(weight);
        }
        Ok(())
    }

    /// Voters whose answers to `poll` are still to come.
    ///
    /// # Errors
    /// The poll is not open.
    pub fn missing(&self, poll: u64) -> Result<Vec<u32>, Error> {
        let seats = &self.polls[self.place(poll)?].seats;
        let missing = seats.iter().filter(|seat| !seat.answered);
        Ok(missing.map(|seat| seat.voter).collect())
    }

    /// Ends `poll` with the answers that it has: all others abstain. It is then ready to be taken in its turn.
    ///
    /// # Errors
    /// The poll is not open.
    pub fn cancel(&mut self, poll: u64) -> Result<(), Error> {
        let place = self.place(poll)?;
        let poll = &mut self.polls[place];
        poll.seats.iter_mut().for_each(|seat| seat.answered = true);
        poll.remaining = 0;
        Ok(())
    }

    /// Takes the oldest poll, if it has ended: its votes and when it was opened.
    pub fn take(&mut self) -> Option<(Bag<T>, Duration)> {
        if !self.polls.front()?.finished(&self.parameters) {
            return None;
        }
        self.polls.pop_front().map(|poll| (poll.bag, poll.opened))
    }

    /// Open polls, those among them that wait for older ones.
    pub fn len(&self) -> usize {
        self.polls.len()
    }

    /// Whether no poll is open.
    pub fn is_empty(&self) -> bool {
        self.polls.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Option<Id> = Some(Id([1; 32]));

    fn set(k: u32, alpha_preference: u32, alpha_confidence: u32) -> PollSet {
        let parameters = Parameters {
            k,
            alpha_preference,
            alpha_confidence,
            ..Parameters::default()
        };
        PollSet::new(parameters).unwrap()
    }

    fn open(set: &mut PollSet) -> u64 {
        let slots: Vec<_> = (0..set.parameters.k).map(|voter| (voter, 1)).collect();
        set.open(&slots, Duration::ZERO).unwrap()
    }

    /// Whether the poll has ended after each answer.
    fn ends(mut set: PollSet, choices: &[Option<Id>]) -> Vec<bool> {
        let poll = open(&mut set);
        let answer = |(voter, choice): (usize, &Option<Id>)| {
            set.vote(
                &Vote {
                    poll,
                    voter: voter as u32,
                    choice: *choice,
                },
                1,
            )
            .unwrap();
            set.polls[0].finished(&set.parameters)
        };
        choices.iter().enumerate().map(answer).collect()
    }

    #[test]
    fn a_poll_ends_once_no_outcome_can_change() {
        assert_eq!(
            ends(set(5, 3, 5), &[A, A, A, None]),
            [false, false, false, true]
        );
        assert_eq!(ends(set(5, 3, 3), &[A, A, A]), [false, false, true]);
        assert_eq!(ends(set(3, 2, 2), &[None, None]), [false, true]);
    }

    #[test]
    fn a_younger_poll_waits_for_the_older() {
        let mut set = set(3, 2, 2);
        let (old, young) = (open(&mut set), open(&mut set));
        for voter in 0..2 {
            set.vote(
                &Vote {
                    poll: young,
                    voter,
                    choice: A,
                },
                1,
            )
            .unwrap();
        }
        assert_eq!(set.take(), None);
        for voter in 0..2 {
            set.vote(
                &Vote {
                    poll: old,
                    voter,
                    choice: None,
                },
                1,
            )
            .unwrap();
        }
        assert_eq!(set.take().unwrap().0.total(), 0);
        assert_eq!(set.take().unwrap().0.total(), 2);
        assert!(set.is_empty());
    }

    #[test]
    fn a_cancelled_poll_ends_with_the_answers_that_it_has() {
        let mut set = set(3, 2, 2);
        let poll = open(&mut set);
        let vote = Vote {
            poll,
            voter: 1,
            choice: A,
        };
        set.vote(&vote, 1).unwrap();
        assert_eq!(set.missing(poll), Ok(alloc::vec![0, 2]));
        set.cancel(poll).unwrap();
        assert_eq!(set.take().unwrap().0.total(), 1);
        assert_eq!(set.cancel(poll), Err(Error::UnknownPoll(poll)));
        assert_eq!(set.missing(poll), Err(Error::UnknownPoll(poll)));
    }

    #[test]
    fn strangers_repeats_and_bad_slots_are_refused_by_name() {
        let mut set = set(3, 2, 3);
        let vote = |poll, voter| Vote {
            poll,
            voter,
            choice: A,
        };
        assert_eq!(set.vote(&vote(0, 0), 1), Err(Error::UnknownPoll(0)));
        for slots in [
            &[(0, 2)][..],
            &[(0, 4)],
            &[(0, 3), (1, 0)],
            &[(1, 1), (0, 2)],
            &[(1, 1), (1, 2)],
        ] {
            assert_eq!(set.open(slots, Duration::ZERO), Err(Error::Slots));
        }
        let poll = open(&mut set);
        set.vote(&vote(poll, 0), 1).unwrap();
        assert_eq!(set.vote(&vote(poll, 0), 1), Err(Error::DuplicateVote(0)));
        assert_eq!(set.vote(&vote(poll, 3), 1), Err(Error::UnknownVoter(3)));
        assert_eq!(set.vote(&vote(poll + 1, 1), 1), Err(Error::UnknownPoll(1)));
        assert_eq!(set.polls[0].bag.total(), 1);
        for _ in 1..10 {
            open(&mut set);
        }
        assert_eq!(
            set.open(&[(0, 3)], Duration::ZERO),
            Err(Error::TooManyPolls)
        );
    }
}
