//! Records as rows of named columns: the names that files have.

use crate::{
    outcome::NodeRow,
    record::{BlockRow, NodeState, PollRow, VoteRow},
    score::{Anomaly, ScoreRow},
    sweep::RunRow,
    table::{Row, Values, column},
};

impl Row for VoteRow {
    fn columns(rows: &[Self]) -> Vec<(&'static str, Values)> {
        vec![
            ("time_us", column!(rows, Numbers, row => row.time_us)),
            ("asker", column!(rows, Numbers, row => row.asker.into())),
            ("poll", column!(rows, Numbers, row => row.poll)),
            ("voter", column!(rows, Numbers, row => row.voter.into())),
            ("slots", column!(rows, Numbers, row => row.slots.into())),
            ("asked", column!(rows, Numbers, row => row.asked.into())),
            (
                "choice",
                column!(rows, Maybe, row => row.choice.map(u64::from)),
            ),
            (
                "supports",
                column!(rows, Maybe, row => row.supports.map(u64::from)),
            ),
            (
                "said",
                column!(rows, Texts, row => row.said.name().to_owned()),
            ),
            ("counted", column!(rows, Flags, row => row.counted)),
            ("latency_us", column!(rows, Numbers, row => row.latency_us)),
        ]
    }
}

impl Row for PollRow {
    fn columns(rows: &[Self]) -> Vec<(&'static str, Values)> {
        vec![
            ("asker", column!(rows, Numbers, row => row.asker.into())),
            ("poll", column!(rows, Numbers, row => row.poll)),
            ("opened_us", column!(rows, Numbers, row => row.opened_us)),
            ("ended_us", column!(rows, Numbers, row => row.ended_us)),
            ("asked", column!(rows, Numbers, row => row.asked.into())),
            (
                "answered",
                column!(rows, Numbers, row => row.answered.into()),
            ),
            (
                "leading",
                column!(rows, Maybe, row => row.leading.map(u64::from)),
            ),
            (
                "leading_slots",
                column!(rows, Numbers, row => row.leading_slots.into()),
            ),
            ("quorum", column!(rows, Flags, row => row.quorum)),
            (
                "confidence",
                column!(rows, Numbers, row => row.confidence.into()),
            ),
            (
                "accepted",
                column!(rows, Numbers, row => row.accepted.into()),
            ),
            (
                "rejected",
                column!(rows, Numbers, row => row.rejected.into()),
            ),
        ]
    }
}

impl Row for BlockRow {
    fn columns(rows: &[Self]) -> Vec<(&'static str, Values)> {
        vec![
            ("number", column!(rows, Numbers, row => row.number.into())),
            ("parent", column!(rows, Numbers, row => row.parent.into())),
            ("height", column!(rows, Numbers, row => row.height.into())),
            ("rival", column!(rows, Numbers, row => row.rival.into())),
            (
                "accepted_by",
                column!(rows, Numbers, row => row.accepted_by.into()),
            ),
            ("id", column!(rows, Texts, row => row.id.clone())),
        ]
    }
}

impl Row for NodeRow {
    fn columns(rows: &[Self]) -> Vec<(&'static str, Values)> {
        vec![
            ("node", column!(rows, Numbers, row => row.node.into())),
            ("role", column!(rows, Texts, row => row.role.to_owned())),
            ("stake", column!(rows, Numbers, row => row.stake)),
            ("asked", column!(rows, Numbers, row => row.asked)),
            ("prefer", column!(rows, Numbers, row => row.prefer)),
            ("accept", column!(rows, Numbers, row => row.accept)),
            ("reject", column!(rows, Numbers, row => row.reject)),
            ("nothing", column!(rows, Numbers, row => row.nothing)),
            ("polls", column!(rows, Numbers, row => row.polls)),
            ("quorums", column!(rows, Numbers, row => row.quorums)),
            ("height", column!(rows, Numbers, row => row.height.into())),
            (
                "accepted",
                column!(rows, Maybe, row => row.accepted.map(u64::from)),
            ),
            ("decided_us", column!(rows, Maybe, row => row.decided_us)),
        ]
    }
}

impl Row for ScoreRow {
    fn columns(rows: &[Self]) -> Vec<(&'static str, Values)> {
        vec![
            ("node", column!(rows, Numbers, row => row.node.into())),
            ("asked", column!(rows, Numbers, row => row.asked)),
            ("response", column!(rows, Floats, row => row.response)),
            ("agreement", column!(rows, Floats, row => row.agreement)),
            ("flips", column!(rows, Floats, row => row.flips)),
            ("latency_us", column!(rows, Floats, row => row.latency_us)),
            (
                "isolation",
                column!(rows, Floats, row => Some(row.isolation)),
            ),
            ("suspect", column!(rows, Flags, row => row.suspect)),
        ]
    }
}

impl Row for Anomaly {
    fn columns(rows: &[Self]) -> Vec<(&'static str, Values)> {
        vec![
            ("node", column!(rows, Numbers, row => row.node.into())),
            (
                "measure",
                column!(rows, Texts, row => row.measure.name().to_owned()),
            ),
            ("value", column!(rows, Floats, row => Some(row.value))),
            ("z", column!(rows, Floats, row => Some(row.z))),
        ]
    }
}

impl Row for RunRow {
    fn columns(rows: &[Self]) -> Vec<(&'static str, Values)> {
        vec![
            ("seed", column!(rows, Numbers, row => row.seed)),
            ("agreement", column!(rows, Flags, row => row.agreement)),
            (
                "disagreements",
                column!(rows, Numbers, row => row.disagreements),
            ),
            ("decided", column!(rows, Numbers, row => row.decided.into())),
            (
                "undecided",
                column!(rows, Numbers, row => row.undecided.into()),
            ),
            (
                "rival",
                column!(rows, Maybe, row => row.rival.map(u64::from)),
            ),
            ("time_us", column!(rows, Numbers, row => row.time_us)),
            ("polls", column!(rows, Numbers, row => row.polls)),
        ]
    }
}

/// One node of one state.
pub(crate) struct StateRow {
    pub(crate) time_us: u64,
    pub(crate) node: u32,
    pub(crate) state: NodeState,
}

impl Row for StateRow {
    fn columns(rows: &[Self]) -> Vec<(&'static str, Values)> {
        vec![
            ("time_us", column!(rows, Numbers, row => row.time_us)),
            ("node", column!(rows, Numbers, row => row.node.into())),
            (
                "height",
                column!(rows, Numbers, row => row.state.height.into()),
            ),
            (
                "rival",
                column!(rows, Numbers, row => row.state.rival.into()),
            ),
            (
                "confidence",
                column!(rows, Numbers, row => row.state.confidence.into()),
            ),
        ]
    }
}
