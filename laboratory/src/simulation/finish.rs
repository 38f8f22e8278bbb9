//! What is left of a run.

use std::time::Duration;

use super::{Run, Simulation, node::Node};
use crate::{
    bounds::{Exposure, bound, expected_polls},
    forecast,
    network::SECOND,
    outcome::{End, NodeRow, Outcome, Times},
    record::{BlockRow, NodeState},
    subject::Subject,
};

impl<C: Subject> Simulation<'_, C> {
    /// How every node is now.
    pub(super) fn state(&self) -> Vec<Option<NodeState>> {
        let state = |node: &Node<C>| match node {
            Node::Honest(honest) => Some(NodeState {
                height: honest.height,
                rival: self.blocks.get(honest.stance).rival,
                confidence: honest.confidence,
            }),
            Node::Byzantine(_) => None,
        };
        self.nodes.iter().map(state).collect()
    }

    /// The run in sum.
    pub(super) fn finish(mut self, end: End) -> Run {
        let (mut polls, mut quorums, mut votes) = (0, 0, 0);
        let mut latency = Duration::ZERO;
        let mut times = Vec::new();
        for (node, row) in self.nodes.iter().zip(&mut self.rows) {
            let Node::Honest(honest) = node else {
                continue;
            };
            let stats = honest.engine.stats();
            polls += stats.polls;
            votes += stats.votes;
            latency = latency.saturating_add(stats.latency);
            quorums += honest.quorums;
            times.extend(honest.decided_us);
            *row = NodeRow {
                polls: stats.polls,
                quorums: honest.quorums,
                height: honest.height,
                accepted: (honest.height > 0).then(|| self.blocks.get(honest.last).rival),
                decided_us: honest.decided_us,
                ..row.clone()
            };
        }
        if let Some(states) = self.states.take() {
            self.record.states = states.finish(self.now, self.state());
            self.record.blocks = self.block_rows();
        }
        let times = Times::of(times);
        let predicted_us = forecast::from_configuration(self.configuration);
        let error = |times: &Times| (predicted_us - times.mean_us).abs() / times.mean_us;
        let honest = self.configuration.honest();
        let undecided = honest - self.decided;
        let share = self.configuration.byzantine_share();
        let outcome = Outcome {
            configuration: self.configuration.clone(),
            honest,
            byzantine_share: share,
            end,
            time_us: self.now,
            events: self.events,
            decided: self.decided,
            undecided,
            agreement: self.disagreements == 0,
            disagreements: self.disagreements,
            stall: (undecided > 0).then(|| self.stall(undecided, polls, quorums)),
            heights: self.heights,
            times,
            polls,
            quorums,
            votes,
            poll_us: latency.as_micros() as f64 / polls.max(1) as f64,
            bound: bound(&self.parameters, share, &Exposure::default()),
            predicted_us,
            predicted_error: times.as_ref().filter(|_| undecided == 0).map(error),
            forecasts: self.forecasts.accuracy(),
        };
        Run {
            outcome,
            nodes: self.rows,
            record: self.record,
        }
    }

    fn block_rows(&self) -> Vec<BlockRow> {
        let row = |(number, accepted_by): (u32, &u32)| {
            let entry = self.blocks.get(number);
            BlockRow {
                number,
                parent: entry.parent,
                height: entry.height,
                rival: entry.rival,
                accepted_by: *accepted_by,
                id: entry.id.to_string(),
            }
        };
        (0u32..).zip(&self.accepted_by).skip(1).map(row).collect()
    }

    /// Why nodes are undecided, in words and with the model's number.
    fn stall(&self, undecided: u32, polls: u64, quorums: u64) -> String {
        let configuration = self.configuration;
        let honest = configuration.honest();
        let success = forecast::success(configuration);
        let expected = expected_polls(success, self.parameters.beta, 0);
        let mut text = format!(
            "{undecided} of {honest} honest nodes are undecided after {:.1} s and {:.0} polls each. ",
            self.now as f64 / SECOND as f64,
            polls as f64 / f64::from(honest.max(1)),
        );
        if configuration.byzantine.nodes > 0 {
            text += &format!(
                "{:.1} % of the stake is {}. ",
                100.0 * configuration.byzantine_share(),
                configuration.byzantine.strategy.name()
            );
        }
        text += &format!(
            "{:.1} % of polls had αp votes for one rival. ",
            100.0 * quorums as f64 / polls.max(1) as f64
        );
        text += &if expected < 1e12 {
            format!(
                "Were all honest nodes of one mind, a poll would succeed with {:.1} % and a decision take {expected:.0} polls on \
                 average (first-order model).",
                100.0 * success
            )
        } else {
            "Even if all honest nodes were of one mind, a decision would practically never come (first-order model)."
                .to_owned()
        };
        text
    }
}
