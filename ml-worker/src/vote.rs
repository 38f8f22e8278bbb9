//! One vote, from the draw to its reveal: the part that verifiers and evaluators have in common.
//!
//! A vote is decided once. It goes into the journal with its salt before anything about it is said, so whatever happens to the
//! worker it never commits to two votes, and always can reveal the one it committed to. Everything else follows from what the
//! chain shows: the digest is sent until the seat has it, the vote is sent until the seat has it.

use codec::{Decode, Encode};
use quern_client::{BallotInfo, Call, Error, SeatInfo};
use quern_market::vote::commitment;
use quern_work::Hash;
use rand::{RngCore, rngs::OsRng};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::{
    chain::{Chain, say},
    journal::{Journal, JournalError},
};

/// Blocks before the last one for digests in which nothing more is waited for: the digest needs a block, and may miss the first.
const MARGIN: u32 = 3;

/// Blocks for which a vote that is over is remembered, lest the chain takes its end back.
const SETTLED: u32 = 16;

/// Something that is voted on.
pub trait Subject: Send + Sync {
    /// What is answered.
    type Vote: Encode + Decode + Send + Sync;

    /// The number that a digest binds the vote to.
    fn id(&self) -> u64;

    /// The name of its journal entries.
    fn name(&self) -> String;

    /// Where the vote stands.
    fn standing(&self) -> impl Future<Output = Result<Standing, Error>> + Send;

    /// Finds the answer. When the deadline passes before what it takes is at hand, that is the answer. None when none can be given.
    fn answer(
        &self,
        seat: &SeatInfo,
        deadline: &mut Deadline,
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
    /// It is under way.
    Ballot(BallotInfo),
}

/// Until when an answer may wait for what it takes.
pub struct Deadline {
    blocks: watch::Receiver<u32>,
    until: u32,
}

impl Deadline {
    fn new(blocks: watch::Receiver<u32>, commit_until: u32) -> Self {
        Self {
            blocks,
            until: commit_until.saturating_sub(MARGIN),
        }
    }

    /// Does the work, unless the deadline passes first.
    pub async fn within<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let passed = self.blocks.wait_for(|height| *height >= self.until);
        tokio::select! {
            biased;
            done = work => Some(done),
            _ = passed => None,
        }
    }

    /// Waits for another block in which to try again; false if the deadline has passed.
    pub async fn another_block(&mut self) -> bool {
        *self.blocks.borrow() < self.until && self.blocks.changed().await.is_ok()
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

/// Votes on a subject, block by block, until that is over or the account has no seat.
///
/// # Errors
/// When the journal cannot be written or read: without it no vote is safe.
pub async fn vote<C: Chain, S: Subject>(
    chain: &C,
    journal: &Journal,
    subject: &S,
) -> Result<(), JournalError> {
    let mut blocks = chain.blocks();
    let mut over = None;
    loop {
        let height = *blocks.borrow_and_update();
        match subject.standing().await {
            Ok(Standing::Over) => {
                let since = *over.get_or_insert(height);
                if height >= since.saturating_add(SETTLED) {
                    break;
                }
            }
            Ok(Standing::Undrawn) => over = None,
            Ok(Standing::Ballot(ballot)) => {
                over = None;
                let account = chain.account();
                let Some(seat) = ballot.seats.iter().find(|seat| seat.voter == account) else {
                    break;
                };
                turn(chain, journal, subject, &ballot, seat, height).await?;
            }
            Err(error) => tracing::debug!("{}: {error}", subject.name()),
        }
        if blocks.changed().await.is_err() {
            return Ok(());
        }
    }
    for name in journal.names(&format!("{}-", subject.name())) {
        journal.remove(&name);
    }
    Ok(())
}

async fn turn<C: Chain, S: Subject>(
    chain: &C,
    journal: &Journal,
    subject: &S,
    ballot: &BallotInfo,
    seat: &SeatInfo,
    height: u32,
) -> Result<(), JournalError> {
    // a subject whose voters are drawn anew has another deadline, and is voted on anew
    let name = format!("{}-{}", subject.name(), ballot.commit_until);
    let step = next(ballot, seat, height);
    if step == Next::Wait {
        return Ok(());
    }
    let kept: Option<Record> = journal.get(&name)?;
    let call = match (step, kept) {
        (Next::Commit, Some(kept)) => subject.commit(digest(chain, subject, &kept)),
        (Next::Commit, None) => {
            let mut deadline = Deadline::new(chain.blocks(), ballot.commit_until);
            let Some(vote) = subject.answer(seat, &mut deadline).await else {
                return Ok(());
            };
            let record = Record {
                vote: vote.encode(),
                salt: salt(),
            };
            journal.put(&name, &record)?;
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
        atomic::{AtomicU32, Ordering},
    };

    use super::*;
    use crate::chain::double::{ACCOUNT, Double};

    /// A subject whose answer is another one every time.
    struct Riddle {
        standing: Mutex<Standing>,
        asked: AtomicU32,
    }

    impl Riddle {
        fn new() -> Arc<Self> {
            Arc::new(Self {
                standing: Mutex::new(Standing::Ballot(ballot())),
                asked: AtomicU32::new(0),
            })
        }

        fn seat(&self, change: impl FnOnce(&mut BallotInfo)) {
            if let Standing::Ballot(ballot) = &mut *self.standing.lock().unwrap() {
                change(ballot);
            }
        }
    }

    impl Subject for Arc<Riddle> {
        type Vote = u32;

        fn id(&self) -> u64 {
            7
        }

        fn name(&self) -> String {
            "riddle-7".into()
        }

        async fn standing(&self) -> Result<Standing, Error> {
            Ok(self.standing.lock().unwrap().clone())
        }

        async fn answer(&self, _: &SeatInfo, _: &mut Deadline) -> Option<u32> {
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
    async fn who_has_no_seat_says_nothing() {
        let (_folder, journal) = journal();
        let (chain, riddle) = (Double::new(10), Riddle::new());
        riddle.seat(|ballot| ballot.seats[0].voter = [1; 32]);
        start(&chain, &journal, &riddle).await.unwrap().unwrap();
        assert!(chain.is_silent().await);
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
