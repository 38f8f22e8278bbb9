//! One vote, from the draw to its reveal: the part that verifiers and evaluators have in common.
//!
//! A vote is decided once. It goes into the journal with its salt before anything about it is said, so whatever happens to the
//! worker it never commits to two votes, and always can reveal the one it committed to. Everything else follows from what the
//! chain shows: the digest is sent until the seat has it, the vote is sent until the seat has it.
//!
//! A chain that takes blocks back may ask another question under the same number. A vote is kept for the question that it answers,
//! and neither committed nor revealed under another one: to be missed costs less than to be wrong.
//!
//! What an answer takes is served by others. A vote that they do not serve it is one against them, so it is cast only by who has
//! asked for it and did not get it. Who comes too late to ask, or cannot for reasons of its own, does not vote.

use codec::{Decode, Encode};
use quern_client::{Account, BallotInfo, Call, Error, SeatInfo};
use quern_market::vote::commitment;
use quern_work::Hash;
use rand::{RngCore, rngs::OsRng};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::{
    chain::{Chain, SETTLED, each_block, say},
    gather::{Gathered, Obstacle},
    journal::{Journal, JournalError},
};

/// Blocks before the last one for digests in which nothing more is waited for: the digest needs a block, and may miss the first.
const MARGIN: u32 = 3;

/// Digits of the digest of what is asked in a journal entry's name.
const DIGITS: usize = 16;

/// Something that is voted on.
pub trait Subject: Send + Sync {
    /// What is answered.
    type Vote: Encode + Decode + Send + Sync;

    /// What answering takes.
    type Material: Send;

    /// The answer where what it takes is not served.
    const NOT_SERVED: Self::Vote;

    /// The number that a digest binds the vote to.
    fn id(&self) -> u64;

    /// The name of its journal entries.
    fn name(&self) -> String;

    /// Where the vote stands.
    fn standing(&self) -> impl Future<Output = Result<Standing, Error>> + Send;

    /// Gathers what answering takes, as far as it can be had now.
    ///
    /// # Errors
    /// [`Obstacle`]: what there is allows no answer.
    fn gather(
        &self,
        seat: &SeatInfo,
    ) -> impl Future<Output = Result<Gathered<Self::Material>, Obstacle>> + Send;

    /// Finds the answer, if it is `in_time` when the machine is free for it. None when this machine cannot.
    fn answer(
        &self,
        material: Self::Material,
        in_time: impl FnOnce() -> bool + Send,
    ) -> impl Future<Output = Option<Self::Vote>> + Send;

    /// The call that commits to a digest.
    fn commit(&self, digest: Hash) -> Call;

    /// The call that reveals a vote.
    fn reveal(&self, vote: Self::Vote, salt: Hash) -> Call;
}

/// Where a vote stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It has ended.
    Over,
    /// Nobody is drawn.
    Undrawn,
    /// It is under way: who votes, and the digest of what all of them are asked.
    Ballot(BallotInfo, Hash),
}

/// Until when an answer may wait for what it takes.
struct Deadline {
    blocks: watch::Receiver<u32>,
    until: u32,
    commit_until: u32,
}

impl Deadline {
    fn new(blocks: watch::Receiver<u32>, commit_until: u32) -> Self {
        Self {
            blocks,
            until: commit_until.saturating_sub(MARGIN),
            commit_until,
        }
    }

    /// Whether a digest can still be said at the time of asking.
    fn in_time(&self) -> impl FnOnce() -> bool + Send + use<> {
        let (blocks, commit_until) = (self.blocks.clone(), self.commit_until);
        move || *blocks.borrow() < commit_until
    }

    /// Does the work, unless the deadline passes first.
    async fn within<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let passed = self.blocks.wait_for(|height| *height >= self.until);
        tokio::select! {
            biased;
            done = work => Some(done),
            _ = passed => None,
        }
    }

    /// Waits for another block in which to try again; false if the deadline has passed.
    async fn another_block(&mut self) -> bool {
        *self.blocks.borrow() < self.until && self.blocks.changed().await.is_ok()
    }

    /// Whether it has passed, and not the worker ended.
    fn has_passed(&self) -> bool {
        *self.blocks.borrow() >= self.until
    }
}

/// Finds the answer: with all that it takes, or at the deadline with what the last attempt found out. None when that is not known,
/// this machine cannot find it, or something else is asked meanwhile than what is kept under `entry`.
async fn answer<S: Subject>(
    subject: &S,
    seat: &SeatInfo,
    entry: &str,
    mut deadline: Deadline,
) -> Option<S::Vote> {
    /// What is said at the deadline.
    enum Last<M> {
        Nothing(String),
        NotServed,
        Part(M),
    }
    let name = subject.name();
    let mut last = Last::Nothing("its time is up before anything was asked for".into());
    loop {
        match deadline.within(subject.gather(seat)).await {
            Some(Ok(Gathered::Whole(material))) => {
                return subject.answer(material, deadline.in_time()).await;
            }
            Some(Ok(Gathered::Nothing)) => return None,
            Some(Ok(Gathered::Part(material))) => last = Last::Part(material),
            Some(Err(obstacle)) => {
                tracing::debug!("{name}: {obstacle}");
                last = match obstacle.is_theirs() {
                    true => Last::NotServed,
                    false => Last::Nothing(obstacle.to_string()),
                };
            }
            None => break,
        }
        if !deadline.another_block().await {
            break;
        }
        if asked(subject, &seat.voter).await.as_deref() != Some(entry) {
            return None;
        }
    }
    if !deadline.has_passed() {
        return None;
    }
    match last {
        Last::NotServed => Some(S::NOT_SERVED),
        Last::Part(material) => subject.answer(material, deadline.in_time()).await,
        Last::Nothing(reason) => {
            tracing::warn!("{name}: no vote: {reason}");
            None
        }
    }
}

/// What is kept of a vote.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    /// SCALE bytes of the vote.
    #[serde(with = "hex::serde")]
    vote: Vec<u8>,
    #[serde(with = "quern_client::text::hash")]
    salt: Hash,
}

/// What is to be done for a seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Commit,
    Reveal,
    Wait,
}

/// Decides at the best block `height` what to do in the next one.
fn next(ballot: &BallotInfo, seat: &SeatInfo, height: u32) -> Next {
    if !seat.committed && height < ballot.commit_until {
        Next::Commit
    } else if seat.committed && !seat.revealed && ballot.reveals && height < ballot.reveal_until {
        Next::Reveal
    } else {
        Next::Wait
    }
}

/// A salt that nobody can guess.
pub(crate) fn salt() -> Hash {
    let mut salt = Hash::default();
    OsRng.fill_bytes(&mut salt);
    salt
}

/// The journal's name of the answer to what a seat is asked.
fn entry(subject: &impl Subject, ballot: &BallotInfo, seat: &SeatInfo, question: Hash) -> String {
    let asked = (question, ballot.commit_until, &seat.segments).encode();
    let digest = blake3::hash(&asked).to_hex();
    format!("{}-{}", subject.name(), &digest[..DIGITS])
}

/// The journal's name of the answer to what this account is asked now.
async fn asked(subject: &impl Subject, account: &Account) -> Option<String> {
    match subject.standing().await {
        Ok(Standing::Ballot(ballot, question)) => {
            let seat = ballot.seats.iter().find(|seat| seat.voter == *account)?;
            Some(entry(subject, &ballot, seat, question))
        }
        _ => None,
    }
}

/// Votes on a subject, block by block, until that has been over for a while, or the account without a seat.
///
/// # Errors
/// When the journal cannot be written or read: without it no vote is safe.
pub async fn vote<C: Chain, S: Subject>(
    chain: &C,
    journal: &Journal,
    subject: &S,
) -> Result<(), JournalError> {
    let mut blocks = each_block(chain);
    let mut over = None;
    while let Some(height) = blocks.next().await {
        let is_over = match subject.standing().await {
            Ok(Standing::Over) => true,
            Ok(Standing::Undrawn) => false,
            Ok(Standing::Ballot(ballot, question)) => {
                let account = chain.account();
                let seat = ballot.seats.iter().find(|seat| seat.voter == account);
                if let Some(seat) = seat {
                    let name = entry(subject, &ballot, seat, question);
                    turn(chain, journal, subject, &ballot, seat, &name, height).await?;
                }
                seat.is_none()
            }
            Err(error) => {
                tracing::debug!("{}: {error}", subject.name());
                continue;
            }
        };
        if !is_over {
            over = None;
        } else if height >= over.get_or_insert(height).saturating_add(SETTLED) {
            forget(journal, subject);
            return Ok(());
        }
    }
    Ok(())
}

fn forget(journal: &Journal, subject: &impl Subject) {
    for name in journal.names(&format!("{}-", subject.name())) {
        journal.remove(&name);
    }
}

async fn turn<C: Chain, S: Subject>(
    chain: &C,
    journal: &Journal,
    subject: &S,
    ballot: &BallotInfo,
    seat: &SeatInfo,
    name: &str,
    height: u32,
) -> Result<(), JournalError> {
    let step = next(ballot, seat, height);
    if step == Next::Wait {
        return Ok(());
    }
    let kept: Option<Record> = journal.get(name)?;
    let call = match (step, kept) {
        (Next::Commit, Some(kept)) => subject.commit(digest(chain, subject, &kept)),
        (Next::Commit, None) => {
            let deadline = Deadline::new(chain.blocks(), ballot.commit_until);
            let in_time = deadline.in_time();
            let Some(vote) = answer(subject, seat, name, deadline).await else {
                return Ok(());
            };
            let record = Record {
                vote: vote.encode(),
                salt: salt(),
            };
            journal.put(name, &record)?;
            if !in_time() || asked(subject, &seat.voter).await.as_deref() != Some(name) {
                return Ok(());
            }
            tracing::info!("{}: voting", subject.name());
            subject.commit(digest(chain, subject, &record))
        }
        (_, Some(kept)) => match S::Vote::decode(&mut &kept.vote[..]) {
            Ok(vote) => subject.reveal(vote, kept.salt),
            Err(reason) => {
                return Err(JournalError::Damaged {
                    file: journal.folder().join(name),
                    reason: reason.to_string(),
                });
            }
        },
        (_, None) => {
            tracing::warn!(
                "{}: the vote behind the digest on chain is not in this journal",
                subject.name()
            );
            return Ok(());
        }
    };
    say(chain, call).await;
    Ok(())
}

fn digest<C: Chain, S: Subject>(chain: &C, subject: &S, kept: &Record) -> Hash {
    /// Bytes that are SCALE already.
    struct Encoded<'a>(&'a [u8]);
    impl Encode for Encoded<'_> {
        fn encode(&self) -> Vec<u8> {
            self.0.to_vec()
        }
    }
    commitment(
        subject.id(),
        &chain.account(),
        &Encoded(&kept.vote),
        &kept.salt,
    )
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    };

    use super::*;
    use crate::{
        chain::double::{ACCOUNT, Double},
        shelf::ShelfError,
    };

    /// A subject whose answer is another one every time.
    struct Riddle {
        standing: Mutex<Standing>,
        asked: AtomicU32,
        /// Whether other segments are drawn while the answer is found.
        is_drawn_anew: AtomicBool,
        /// What becomes of attempts to gather: the last of these for ever, the others once; none ends before the test does.
        attempts: Mutex<Vec<Option<Attempt>>>,
    }

    type Attempt = fn() -> Result<Gathered<()>, Obstacle>;

    /// The answer where what it takes is not served.
    const NOT_SERVED: u32 = u32::MAX;

    impl Riddle {
        fn new() -> Arc<Self> {
            Arc::new(Self {
                standing: Mutex::new(Standing::Ballot(ballot(), [1; 32])),
                asked: AtomicU32::new(0),
                is_drawn_anew: AtomicBool::new(false),
                attempts: Mutex::new(vec![Some(|| Ok(Gathered::Whole(())))]),
            })
        }

        fn attempts(&self, attempts: &[Option<Attempt>]) {
            *self.attempts.lock().unwrap() = attempts.to_vec();
        }

        fn seat(&self, change: impl FnOnce(&mut BallotInfo)) {
            if let Standing::Ballot(ballot, _) = &mut *self.standing.lock().unwrap() {
                change(ballot);
            }
        }
    }

    impl Subject for Arc<Riddle> {
        type Vote = u32;
        type Material = ();
        const NOT_SERVED: u32 = NOT_SERVED;

        fn id(&self) -> u64 {
            7
        }

        fn name(&self) -> String {
            "riddle-7".into()
        }

        async fn standing(&self) -> Result<Standing, Error> {
            Ok(self.standing.lock().unwrap().clone())
        }

        async fn gather(&self, _: &SeatInfo) -> Result<Gathered<()>, Obstacle> {
            let attempt = {
                let mut attempts = self.attempts.lock().unwrap();
                match attempts.len() {
                    1 => attempts[0],
                    _ => attempts.remove(0),
                }
            };
            match attempt {
                Some(attempt) => attempt(),
                None => std::future::pending().await,
            }
        }

        async fn answer(&self, (): (), in_time: impl FnOnce() -> bool + Send) -> Option<u32> {
            assert!(in_time(), "asked too late");
            if self.is_drawn_anew.swap(false, Ordering::Relaxed) {
                self.seat(|ballot| ballot.seats[0].segments = vec![5]);
            }
            Some(self.asked.fetch_add(1, Ordering::Relaxed))
        }

        fn commit(&self, digest: Hash) -> Call {
            Call::CommitVote { audit: 7, digest }
        }

        fn reveal(&self, vote: u32, salt: Hash) -> Call {
            // the vote rides in a field that a test can read
            Call::CommitScores {
                task: vote,
                digest: salt,
            }
        }
    }

    fn ballot() -> BallotInfo {
        BallotInfo {
            seats: vec![SeatInfo {
                ticket: 1,
                voter: ACCOUNT,
                segments: vec![0],
                committed: false,
                revealed: false,
            }],
            commit_until: 30,
            reveal_until: 40,
            reveals: false,
        }
    }

    /// A worker that votes until the test ends it.
    fn start(
        chain: &Double,
        journal: &Journal,
        riddle: &Arc<Riddle>,
    ) -> tokio::task::JoinHandle<Result<(), JournalError>> {
        let (chain, journal, riddle) = (chain.clone(), journal.clone(), riddle.clone());
        tokio::spawn(async move { vote(&chain, &journal, &riddle).await })
    }

    fn journal() -> (tempfile::TempDir, Journal) {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(folder.path().to_owned()).unwrap();
        (folder, journal)
    }

    #[tokio::test]
    async fn a_vote_is_committed_then_revealed_then_forgotten() {
        let (_folder, journal) = journal();
        let (chain, riddle) = (Double::new(10), Riddle::new());
        let voter = start(&chain, &journal, &riddle);
        let Call::CommitVote { audit: 7, digest } = chain.called().await else {
            panic!("not the digest first")
        };
        riddle.seat(|ballot| ballot.seats[0].committed = true);
        chain.block(|_| ());
        assert!(chain.is_silent().await, "revealed before its time");
        riddle.seat(|ballot| ballot.reveals = true);
        chain.block(|_| ());
        let Call::CommitScores {
            task: vote,
            digest: salt,
        } = chain.called().await
        else {
            panic!("not revealed")
        };
        assert_eq!(digest, commitment(7, &ACCOUNT, &vote, &salt));
        riddle.seat(|ballot| ballot.seats[0].revealed = true);
        chain.block(|_| ());
        assert!(chain.is_silent().await, "revealed twice");
        *riddle.standing.lock().unwrap() = Standing::Over;
        chain.block(|_| ());
        assert!(chain.is_silent().await);
        assert_eq!(journal.names("").len(), 1, "forgotten too early");
        chain.height.send_modify(|height| *height += SETTLED);
        voter.await.unwrap().unwrap();
        assert!(journal.names("").is_empty());
    }

    #[tokio::test]
    async fn a_worker_killed_after_its_digest_reveals_that_vote_and_no_other() {
        let (_folder, journal) = journal();
        let (chain, riddle) = (Double::new(10), Riddle::new());
        let first = start(&chain, &journal, &riddle);
        let Call::CommitVote { digest, .. } = chain.called().await else {
            panic!("not the digest first")
        };
        first.abort();
        // its digest was lost on the way, and the one who starts again sends the very same
        let second = start(&chain, &journal, &riddle);
        assert_eq!(chain.called().await, Call::CommitVote { audit: 7, digest });
        second.abort();
        riddle.seat(|ballot| {
            ballot.seats[0].committed = true;
            ballot.reveals = true;
        });
        let third = start(&chain, &journal, &riddle);
        let Call::CommitScores {
            task: vote,
            digest: salt,
        } = chain.called().await
        else {
            panic!("not revealed")
        };
        assert_eq!(digest, commitment(7, &ACCOUNT, &vote, &salt));
        assert_eq!(riddle.asked.load(Ordering::Relaxed), 1);
        third.abort();
    }

    #[tokio::test]
    async fn what_did_not_arrive_is_said_again() {
        let (_folder, journal) = journal();
        let (chain, riddle) = (Double::new(10), Riddle::new());
        chain.world.lock().unwrap().deaf = true;
        let voter = start(&chain, &journal, &riddle);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        chain.block(|world| world.deaf = false);
        assert!(matches!(chain.called().await, Call::CommitVote { .. }));
        voter.abort();
    }

    #[tokio::test]
    async fn a_new_draw_is_voted_on_anew() {
        let (_folder, journal) = journal();
        let (chain, riddle) = (Double::new(10), Riddle::new());
        let voter = start(&chain, &journal, &riddle);
        let first = chain.called().await;
        riddle.seat(|ballot| ballot.commit_until = 60);
        chain.block(|_| ());
        assert_ne!(chain.called().await, first);
        assert_eq!(riddle.asked.load(Ordering::Relaxed), 2);
        voter.abort();
    }

    #[tokio::test]
    async fn an_answer_is_for_no_other_segments_than_those_it_is_of() {
        let (_folder, journal) = journal();
        let (chain, riddle) = (Double::new(10), Riddle::new());
        let voter = start(&chain, &journal, &riddle);
        let Call::CommitVote { digest: first, .. } = chain.called().await else {
            panic!("not the digest first")
        };
        // drawn in another block of the same height
        riddle.seat(|ballot| ballot.seats[0].segments = vec![1]);
        chain.block(|_| ());
        let Call::CommitVote { digest: second, .. } = chain.called().await else {
            panic!("not the other digest")
        };
        assert_ne!(first, second);
        riddle.seat(|ballot| {
            ballot.seats[0].segments = vec![2];
            ballot.seats[0].committed = true;
            ballot.reveals = true;
        });
        chain.block(|_| ());
        assert!(chain.is_silent().await, "revealed to another question");
        riddle.seat(|ballot| ballot.seats[0].segments = vec![0]);
        chain.block(|_| ());
        let Call::CommitScores { task: vote, digest } = chain.called().await else {
            panic!("not revealed")
        };
        assert_eq!(first, commitment(7, &ACCOUNT, &vote, &digest));
        voter.abort();
    }

    #[tokio::test]
    async fn what_is_asked_no_longer_once_it_is_answered_is_not_committed_to() {
        let (_folder, journal) = journal();
        let (chain, riddle) = (Double::new(10), Riddle::new());
        riddle.is_drawn_anew.store(true, Ordering::Relaxed);
        let voter = start(&chain, &journal, &riddle);
        assert!(chain.is_silent().await);
        assert_eq!(riddle.asked.load(Ordering::Relaxed), 1);
        chain.block(|_| ());
        assert!(matches!(chain.called().await, Call::CommitVote { .. }));
        assert_eq!(riddle.asked.load(Ordering::Relaxed), 2);
        voter.abort();
    }

    #[tokio::test]
    async fn who_has_no_seat_says_nothing_and_forgets_once_that_is_settled() {
        let (_folder, journal) = journal();
        let (chain, riddle) = (Double::new(10), Riddle::new());
        journal.put("riddle-7-earlier", &0).unwrap();
        riddle.seat(|ballot| ballot.seats[0].voter = [1; 32]);
        let voter = start(&chain, &journal, &riddle);
        assert!(chain.is_silent().await);
        assert_eq!(journal.names("").len(), 1, "forgotten too early");
        chain.height.send_modify(|height| *height += SETTLED);
        voter.await.unwrap().unwrap();
        assert!(journal.names("").is_empty());
        assert!(chain.is_silent().await);
    }

    /// The vote of one whose attempts at gathering become this, where the blocks begin at `height` and go on to the deadline;
    /// none if there is none.
    async fn vote_after(height: u32, attempts: &[Option<Attempt>]) -> Option<u32> {
        let (_folder, journal) = journal();
        let (chain, riddle) = (Double::new(height), Riddle::new());
        riddle.attempts(attempts);
        let voter = start(&chain, &journal, &riddle);
        while *chain.height.borrow() < 27 {
            assert!(chain.is_silent().await, "before the deadline");
            chain.block(|_| ());
        }
        let silent = chain.is_silent().await;
        voter.abort();
        let name = journal.names("").pop()?;
        assert!(!silent);
        let kept: Record = journal.get(&name).unwrap()?;
        Some(u32::decode(&mut &kept.vote[..]).unwrap())
    }

    fn not_served() -> Result<Gathered<()>, Obstacle> {
        Err(ShelfError::NotServed("nobody has it".into()).into())
    }

    fn no_room() -> Result<Gathered<()>, Obstacle> {
        Err(ShelfError::Here("no room".into()).into())
    }

    fn a_part() -> Result<Gathered<()>, Obstacle> {
        Ok(Gathered::Part(()))
    }

    #[tokio::test]
    async fn what_others_do_not_serve_is_said_so_at_the_deadline() {
        let expected = Some(NOT_SERVED);
        assert_eq!(vote_after(25, &[Some(not_served)]).await, expected);
        // an attempt that was made, and another that the deadline cuts off
        let cut_off = [Some(not_served as Attempt), None];
        assert_eq!(vote_after(25, &cut_off).await, expected);
    }

    #[tokio::test]
    async fn who_comes_too_late_to_ask_does_not_vote() {
        for height in 27..30 {
            assert_eq!(vote_after(height, &[None]).await, None);
        }
    }

    #[tokio::test]
    async fn troubles_of_its_own_are_held_against_nobody() {
        assert_eq!(vote_after(25, &[Some(no_room)]).await, None);
        // it was not served at first, and whether it is now this worker cannot find out
        let attempts = [Some(not_served as Attempt), Some(no_room)];
        assert_eq!(vote_after(24, &attempts).await, None);
        let attempts = [Some(no_room as Attempt), Some(not_served)];
        assert_eq!(vote_after(24, &attempts).await, Some(NOT_SERVED));
    }

    #[tokio::test]
    async fn an_answer_without_what_is_not_served_waits_for_the_deadline() {
        assert_eq!(vote_after(25, &[Some(a_part)]).await, Some(0));
    }

    #[test]
    fn nothing_is_said_out_of_time() {
        let mut ballot = ballot();
        let seat = |committed, revealed| SeatInfo {
            committed,
            revealed,
            ..super::tests::ballot().seats[0].clone()
        };
        assert_eq!(next(&ballot, &seat(false, false), 29), Next::Commit);
        assert_eq!(next(&ballot, &seat(false, false), 30), Next::Wait);
        assert_eq!(next(&ballot, &seat(true, false), 29), Next::Wait);
        ballot.reveals = true;
        assert_eq!(next(&ballot, &seat(true, false), 39), Next::Reveal);
        assert_eq!(next(&ballot, &seat(true, false), 40), Next::Wait);
        assert_eq!(next(&ballot, &seat(true, true), 39), Next::Wait);
    }

    #[tokio::test]
    async fn the_deadline_leaves_blocks_for_the_digest() {
        let chain = Double::new(26);
        let mut deadline = Deadline::new(chain.blocks(), 30);
        assert_eq!(deadline.within(async { 1 }).await, Some(1));
        chain.block(|_| ());
        let never = std::future::pending::<()>();
        assert_eq!(deadline.within(never).await, None);
    }
}
