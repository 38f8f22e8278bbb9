//! What training a run has found out since the last accepted claim: the material of the next one.
//!
//! For every whole segment its [`SegmentResult`], and for the one under way the weights roots of its steps so far. Steps that
//! are worked again under another template find nothing new and are not recorded.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use codec::{Decode, Encode};
use quern_market::{
    Claim, SegmentResult,
    claim::{steps_tree, trace_tree},
};
use quern_work::Hash;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// The results of a run's segments from one step on, without a gap.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Trace {
    /// Steps of a segment.
    segment: u32,
    /// First step recorded, a multiple of the segment.
    from: u64,
    /// State root before the segment under way.
    root: Hash,
    results: Vec<SegmentResult>,
    /// Weights roots of the segment under way.
    open: Vec<Hash>,
    /// Right answers of the segment under way.
    correct: u32,
}

impl Trace {
    /// Nothing yet: the next step is `from`, whose state has this root. A segment of no steps counts as one of one.
    pub fn new(segment: u32, from: u64, root: Hash) -> Self {
        Self {
            segment: segment.max(1),
            from,
            root,
            results: Vec::new(),
            open: Vec::new(),
            correct: 0,
        }
    }

    /// First step recorded.
    pub fn from(&self) -> u64 {
        self.from
    }

    /// State root before `step`, a segment's start; none if it is not recorded.
    pub fn root_at(&self, step: u64) -> Option<Hash> {
        let root = || self.results.get(self.index(step)).map(|r| r.start_root);
        self.covers(step).then(|| root().unwrap_or(self.root))
    }

    /// Whether everything from `step` on, a segment's start, is recorded up to [`next`](Self::next).
    pub fn covers(&self, step: u64) -> bool {
        step <= self.whole() && self.resumes_at(step)
    }

    /// The step after the last whole segment.
    pub fn whole(&self) -> u64 {
        self.from + self.results.len() as u64 * u64::from(self.segment)
    }

    /// The step to be recorded next.
    pub fn next(&self) -> u64 {
        self.whole() + self.open.len() as u64
    }

    /// Whether a state after `step` steps can go on recording: it is a segment's start, or the next step's.
    pub fn resumes_at(&self, step: u64) -> bool {
        let start = step >= self.from
            && step <= self.whole()
            && (step - self.from).is_multiple_of(self.segment.into());
        start || step == self.next()
    }

    /// Records the next step; says whether it ends its segment, whose [end](Self::close) is then to be told.
    pub fn push(&mut self, weights_root: Hash, correct: u32) -> bool {
        self.open.push(weights_root);
        self.correct = self.correct.saturating_add(correct);
        self.open.len() == self.segment as usize
    }

    /// Ends the segment under way, after which the state has this root, and gives its result.
    pub fn close(&mut self, root: Hash) -> SegmentResult {
        let result = SegmentResult {
            start_root: self.root,
            state_root: root,
            steps_root: steps_tree(&self.open).root(),
            correct: self.correct,
        };
        self.results.push(result);
        self.root = root;
        self.open.clear();
        self.correct = 0;
        result
    }

    /// Forgets everything from `step` on, which [can be gone on from](Self::resumes_at); nothing happens with another one.
    pub fn truncate(&mut self, step: u64) {
        if step == self.next() || !self.resumes_at(step) {
            return;
        }
        let kept = self.index(step);
        if let Some(first) = self.results.get(kept) {
            self.root = first.start_root;
        }
        self.results.truncate(kept);
        self.open.clear();
        self.correct = 0;
    }

    /// Forgets the segments before `step`, a segment's start; nothing happens with another step.
    pub fn accept(&mut self, step: u64) {
        if self.covers(step) {
            self.results.drain(..self.index(step));
            self.from = step;
        }
    }

    /// The results of the whole segments of `[from, to)`, if all of them are recorded.
    pub fn between(&self, from: u64, to: u64) -> Option<&[SegmentResult]> {
        (from < to && self.covers(from) && self.covers(to))
            .then(|| &self.results[self.index(from)..self.index(to)])
    }

    /// The claim of the segments of `[from, to)`, if all of them are recorded.
    pub fn claim(&self, run: u64, from: u64, to: u64) -> Option<Claim> {
        let results = self.between(from, to)?;
        let last = results.last()?;
        Some(Claim {
            run,
            from,
            to,
            state_root: last.state_root,
            trace_root: trace_tree(&digests(results)).root(),
            starts_root: trace_tree(&starts(results)).root(),
            metric: last.correct,
        })
    }

    /// Number of whole segments before `step`.
    fn index(&self, step: u64) -> usize {
        ((step - self.from) / u64::from(self.segment)) as usize
    }
}

/// The digests of segments: the chunks of a claim's trace.
pub fn digests(results: &[SegmentResult]) -> Vec<Hash> {
    results.iter().map(SegmentResult::digest).collect()
}

/// The state roots at segments' starts: the chunks of a claim's starts.
pub fn starts(results: &[SegmentResult]) -> Vec<Hash> {
    results.iter().map(|result| result.start_root).collect()
}

/// As the hexadecimal SCALE bytes.
impl Serialize for Trace {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(self.encode()))
    }
}

impl<'de> Deserialize<'de> for Trace {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = hex::decode(String::deserialize(deserializer)?).map_err(D::Error::custom)?;
        let trace = Self::decode(&mut &bytes[..]).map_err(D::Error::custom)?;
        let sound = trace.segment > 0 && trace.open.len() < trace.segment as usize;
        sound
            .then_some(trace)
            .ok_or_else(|| D::Error::custom("its segment is out of bounds"))
    }
}

/// A trace that the trainer fills and the run's claims are made from.
#[derive(Clone, Debug)]
pub struct SharedTrace(Arc<Mutex<Trace>>);

impl SharedTrace {
    /// Shares a trace.
    pub fn new(trace: Trace) -> Self {
        Self(Arc::new(Mutex::new(trace)))
    }

    /// The trace, for a short look or change.
    pub fn lock(&self) -> MutexGuard<'_, Trace> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use quern_work::merkle::root_from_path;

    use super::*;

    const SEGMENT: u32 = 4;

    fn name(step: u64) -> Hash {
        [step as u8; 32]
    }

    /// Records steps up to `to`; the state after step n has the root `name(n)`.
    fn record(trace: &mut Trace, to: u64) {
        while trace.next() < to {
            let step = trace.next();
            if trace.push(name(step), 1) {
                trace.close(name(step + 1));
            }
        }
    }

    fn trace(to: u64) -> Trace {
        let mut trace = Trace::new(SEGMENT, 8, name(8));
        record(&mut trace, to);
        trace
    }

    #[test]
    fn the_state_at_every_recorded_segments_start_is_known() {
        for step in 0..24 {
            let known = [8, 12, 16].contains(&step).then(|| name(step));
            assert_eq!(trace(18).root_at(step), known);
        }
    }

    #[test]
    fn a_segments_result_says_where_it_began_what_it_did_and_where_it_ended() {
        let expected = SegmentResult {
            start_root: name(12),
            state_root: name(16),
            steps_root: steps_tree(&[name(12), name(13), name(14), name(15)]).root(),
            correct: 4,
        };
        assert_eq!(trace(18).between(12, 16), Some(&[expected][..]));
    }

    #[test]
    fn only_whole_recorded_segments_can_be_claimed() {
        let trace = trace(18);
        assert_eq!((trace.whole(), trace.next()), (16, 18));
        for (from, to) in [(8, 17), (9, 12), (8, 20), (4, 12), (12, 12), (16, 12)] {
            assert_eq!(trace.claim(3, from, to), None, "[{from}, {to})");
        }
        assert!(trace.claim(3, 8, 16).is_some());
    }

    #[test]
    fn a_claim_commits_to_every_segment_and_to_where_each_began() {
        let trace = trace(20);
        let claim = trace.claim(3, 8, 20).unwrap();
        let results = trace.between(8, 20).unwrap();
        assert_eq!(claim.segments(SEGMENT), Some(3));
        assert_eq!((claim.state_root, claim.metric), (name(20), 4));
        assert_eq!(starts(results), [name(8), name(12), name(16)]);
        for (index, result) in (0..).zip(results) {
            let path = trace_tree(&digests(results)).path(index as usize);
            let root = root_from_path(index, 3, result.leaf(index), &path);
            assert_eq!(root, Some(claim.trace_root));
        }
    }

    #[test]
    fn what_is_forgotten_is_recorded_again_just_so() {
        for to in 8..20 {
            let whole = trace(to);
            for step in (8..=to).filter(|step| whole.resumes_at(*step)) {
                let mut again = whole.clone();
                again.truncate(step);
                assert_eq!(again.next(), step);
                record(&mut again, to);
                assert_eq!(again, whole, "from {step} to {to}");
            }
        }
    }

    #[test]
    fn a_state_inside_an_earlier_segment_cannot_go_on() {
        let trace = trace(18);
        let steps: Vec<u64> = (0..30).filter(|step| trace.resumes_at(*step)).collect();
        assert_eq!(steps, [8, 12, 16, 18]);
    }

    #[test]
    fn accepted_segments_are_dropped() {
        let mut trace = trace(18);
        let rest = trace.between(12, 16).map(<[_]>::to_vec);
        trace.accept(12);
        assert_eq!((trace.from(), trace.next()), (12, 18));
        assert_eq!(trace.between(12, 16).map(<[_]>::to_vec), rest);
        trace.accept(20);
        trace.accept(13);
        assert_eq!(trace.from(), 12);
    }

    #[test]
    fn a_trace_survives_its_json_and_damage_is_refused() {
        let trace = trace(18);
        let json = serde_json::to_string(&trace).unwrap();
        assert_eq!(serde_json::from_str::<Trace>(&json).unwrap(), trace);
        let zero = Trace {
            segment: 0,
            ..trace
        };
        let json = serde_json::to_string(&zero).unwrap();
        assert!(serde_json::from_str::<Trace>(&json).is_err());
    }
}
