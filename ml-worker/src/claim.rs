//! The claims of one run: decisions, apart from what is said and served.
//!
//! A claim is decided once. It goes into the journal with its salt before its commitment is sent, and stays there until its audit
//! has ended for good, so a worker that is killed at any moment reveals what it committed to, in time. Everything else follows from what the
//! chain shows of the run.

use codec::{Decode, Encode};
use quern_client::{AuditId, Claim, PendingClaim, Run};
use quern_market::claim::MAX_SEGMENTS;
use quern_work::Hash;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Segments worth a claim of their own.
pub(crate) const BUNDLE: u64 = 8;
/// Blocks after which fewer will do.
const PATIENCE: u32 = 30;
/// Blocks after a commitment within which the claim can be revealed; the chain's `RevealWithin`.
const REVEAL_WITHIN: u32 = 100;

/// A claim that was decided on.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Record {
    /// The claim.
    pub claim: Claim,
    /// What hides it until it is revealed.
    pub salt: Hash,
    /// Its audit, once that was seen.
    pub audit: Option<AuditId>,
    /// What is served for its sake, until it is forgotten.
    pub served: Vec<Hash>,
}

impl Record {
    /// Notes what is served.
    pub fn note(&mut self, root: Hash) {
        if !self.served.contains(&root) {
            self.served.push(root);
        }
    }
}

/// As the hexadecimal SCALE bytes.
impl Serialize for Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(self.encode()))
    }
}

impl<'de> Deserialize<'de> for Record {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = hex::decode(String::deserialize(deserializer)?).map_err(D::Error::custom)?;
        Self::decode(&mut &bytes[..]).map_err(D::Error::custom)
    }
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// Nothing.
    Wait,
    /// Decide on a claim of the steps from the accepted ones up to this one.
    Make(u64),
    /// Send the commitment.
    Commit,
    /// Send the claim.
    Reveal,
    /// Serve what the claim's audit takes.
    Serve(AuditId),
    /// The claim was rejected, or lapsed: once that is settled forget it, and train again from the accepted step.
    Refused,
}

/// What the decision depends on.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// The run as the chain shows it.
    pub run: &'a Run,
    /// Steps past the committed ones that may be worked.
    pub max_ahead: u64,
    /// Height of the best block.
    pub height: u32,
    /// The step after the last whole segment that is recorded.
    pub whole: u64,
    /// The block since which no claim is under way.
    pub idle_since: u32,
    /// The digest under which the claim in the journal, if there is one, is committed to.
    pub commitment: Option<Hash>,
}

/// Decides about the claim in the journal that begins with the accepted step, or a new one.
pub fn next(record: Option<&Record>, scene: &Scene<'_>) -> Move {
    match (&scene.run.pending, record) {
        (Some(PendingClaim::Revealed { audit, .. }), _) => Move::Serve(*audit),
        (Some(PendingClaim::Committed { commitment, at }), record) => {
            let expired = scene.height >= at.saturating_add(REVEAL_WITHIN);
            let ours = record.is_some() && scene.commitment == Some(*commitment);
            match record {
                Some(_) if ours && expired => Move::Commit,
                Some(_) if ours => Move::Reveal,
                Some(_) if expired => Move::Commit,
                None if expired => fresh(scene),
                _ => Move::Wait,
            }
        }
        (None, Some(Record { audit: Some(_), .. })) => Move::Refused,
        (None, Some(_)) => Move::Commit,
        (None, None) => fresh(scene),
    }
}

/// Whether a claim is due, and up to which step.
fn fresh(scene: &Scene<'_>) -> Move {
    let run = scene.run;
    let segment = u64::from(run.spec.segment.max(1));
    let window = run.committed.saturating_add(scene.max_ahead.max(segment));
    let last = run.steps.unwrap_or(u64::MAX).min(window);
    let most = run
        .accepted
        .saturating_add(u64::from(MAX_SEGMENTS) * segment);
    let end = scene.whole.min(last).min(most);
    let segments = end.saturating_sub(run.accepted) / segment;
    let to = run.accepted + segments * segment;
    // a commons run's claim is worth its fee and its audit only if something depends on it
    let shown = |step: Option<u64>| step.is_some_and(|step| step >= run.accepted);
    let at_stake = run.steps.is_some()
        || run.vesting > 0
        || shown(run.last_sealed)
        || shown(run.last_share.map(|(step, _)| step));
    let full = to.saturating_add(segment) > last;
    let due =
        segments >= BUNDLE || full || scene.height >= scene.idle_since.saturating_add(PATIENCE);
    if segments > 0 && at_stake && due {
        Move::Make(to)
    } else {
        Move::Wait
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::world::{SEED, SEGMENT, STEPS, spec, trace};

    pub(crate) fn run(accepted: u64, state_root: Option<Hash>) -> Run {
        Run {
            id: 2,
            task: 0,
            seed: SEED,
            spec: spec(),
            ticket: 3,
            steps: None,
            accepted,
            committed: accepted,
            state_root,
            pending: None,
            last_sealed: Some(accepted),
            macs: 0,
            seals: 0,
            shares: 0,
            last_share: None,
            vesting: 0,
        }
    }

    fn scene(run: &Run, whole: u64) -> Scene<'_> {
        Scene {
            run,
            max_ahead: 1000,
            height: 50,
            whole,
            idle_since: 49,
            commitment: None,
        }
    }

    pub(crate) fn record() -> Record {
        Record {
            claim: trace().claim(2, 0, STEPS).unwrap(),
            salt: [9; 32],
            audit: None,
            served: Vec::new(),
        }
    }

    /// A record, and what the decision about it sees where the chain shows `pending`.
    fn decide(record: &Record, run: &Run, height: u32) -> Move {
        let scene = Scene {
            commitment: Some([4; 32]),
            height,
            ..scene(run, STEPS)
        };
        next(Some(record), &scene)
    }

    #[test]
    fn a_few_segments_are_bundled_or_waited_with() {
        let run = run(8, None);
        let segment = u64::from(SEGMENT);
        let mut scene = scene(&run, 8 + 7 * segment);
        assert_eq!(next(None, &scene), Move::Wait);
        scene.height = scene.idle_since + PATIENCE;
        assert_eq!(next(None, &scene), Move::Make(8 + 7 * segment));
        scene.height = 50;
        scene.whole = 8 + 8 * segment;
        assert_eq!(next(None, &scene), Move::Make(8 + 8 * segment));
        scene.whole = 8;
        scene.height = 1000;
        assert_eq!(next(None, &scene), Move::Wait);
    }

    #[test]
    fn a_claim_covers_at_most_so_many_segments_and_no_step_beyond_the_window() {
        let mut run = run(0, None);
        let most = u64::from(MAX_SEGMENTS * SEGMENT);
        assert_eq!(next(None, &scene(&run, 2 * most)), Move::Make(most));
        run.steps = Some(16);
        assert_eq!(next(None, &scene(&run, 2 * most)), Move::Make(16));
        run.steps = None;
        let narrow = Scene {
            max_ahead: 10,
            ..scene(&run, 2 * most)
        };
        assert_eq!(next(None, &narrow), Move::Make(8));
    }

    #[test]
    fn the_end_of_the_steps_and_of_the_window_are_claimed_at_once() {
        let mut run = run(8, None);
        run.steps = Some(12);
        assert_eq!(next(None, &scene(&run, 12)), Move::Make(12));
        run.steps = None;
        let full = Scene {
            max_ahead: 6,
            ..scene(&run, 12)
        };
        assert_eq!(next(None, &full), Move::Make(12));
    }

    #[test]
    fn a_commons_claim_on_which_nothing_depends_is_not_made() {
        let mut run = run(8, None);
        run.last_sealed = Some(7);
        assert_eq!(next(None, &scene(&run, 400)), Move::Wait);
        run.last_share = Some((8, 1));
        assert!(matches!(next(None, &scene(&run, 400)), Move::Make(_)));
        run.last_share = None;
        run.steps = Some(800);
        assert!(matches!(next(None, &scene(&run, 400)), Move::Make(_)));
    }

    #[test]
    fn a_claim_is_committed_revealed_and_served() {
        let (mut record, mut run) = (record(), run(0, None));
        assert_eq!(decide(&record, &run, 50), Move::Commit);
        run.pending = Some(PendingClaim::Committed {
            commitment: [4; 32],
            at: 50,
        });
        assert_eq!(decide(&record, &run, 50), Move::Reveal);
        run.committed = STEPS;
        run.pending = Some(PendingClaim::Revealed {
            audit: 7,
            to: STEPS,
        });
        assert_eq!(decide(&record, &run, 51), Move::Serve(7));
        record.audit = Some(7);
        assert_eq!(decide(&record, &run, 52), Move::Serve(7));
    }

    #[test]
    fn a_claim_that_lost_its_audit_is_refused_and_one_that_had_none_is_sent_again() {
        let (mut record, run) = (record(), run(0, None));
        assert_eq!(decide(&record, &run, 60), Move::Commit);
        record.audit = Some(7);
        assert_eq!(decide(&record, &run, 60), Move::Refused);
    }

    #[test]
    fn a_commitment_whose_time_is_over_is_made_again() {
        let (record, mut run) = (record(), run(0, None));
        run.pending = Some(PendingClaim::Committed {
            commitment: [4; 32],
            at: 50,
        });
        let over = 50 + REVEAL_WITHIN;
        assert_eq!(decide(&record, &run, over - 1), Move::Reveal);
        assert_eq!(decide(&record, &run, over), Move::Commit);
    }

    #[test]
    fn a_commitment_of_somebody_elses_making_is_waited_for() {
        let mut run = run(0, None);
        run.pending = Some(PendingClaim::Committed {
            commitment: [5; 32],
            at: 50,
        });
        assert_eq!(decide(&record(), &run, 60), Move::Wait);
        assert_eq!(next(None, &scene(&run, 400)), Move::Wait);
        let over = 50 + REVEAL_WITHIN;
        assert_eq!(decide(&record(), &run, over), Move::Commit);
    }

    #[test]
    fn a_record_survives_its_json() {
        let json = serde_json::to_string(&record()).unwrap();
        assert_eq!(serde_json::from_str::<Record>(&json).unwrap(), record());
        assert!(serde_json::from_str::<Record>("\"00\"").is_err());
    }
}
