//! Polls: opened, answered, given up, ended.

use std::time::Duration;

use quern_snow::{Decided, PollRequest, Vote};

use super::{
    Simulation, SimulationError,
    event::{Answer, Event},
    node::{Fate, Node, Open, Seat},
};
use crate::{
    blocks::GENESIS,
    config::Strategy,
    forecast::Pace,
    network::severed_until,
    outcome::HeightRow,
    record::{PollRow, Said, VoteRow},
    subject::Subject,
};

impl<C: Subject> Simulation<'_, C> {
    /// Wakes a node that has something to ask.
    pub(super) fn rouse(&mut self, node: u32) {
        let now = self.now;
        let Some(honest) = self.honest_mut(node).filter(|honest| !honest.awake) else {
            return;
        };
        honest.awake = true;
        let time = honest.next_poll_us.max(now);
        self.schedule(time, Event::Wake { node });
    }

    /// Opens a poll, if there is something to ask and room for it. Else the next block or the next poll that ends
    /// wakes the node again.
    pub(super) fn wake(&mut self, node: u32) -> Result<(), SimulationError> {
        let (now, most) = (self.now, u64::from(self.parameters.concurrent_polls));
        let interval = self.configuration.network.interval_us;
        let Node::Honest(honest) = &mut self.nodes[node as usize] else {
            return Ok(());
        };
        honest.awake = false;
        if honest.engine.stats().processing == 0 || honest.opened - honest.ended >= most {
            return Ok(());
        }
        let asked = honest.preference;
        let time = Duration::from_micros(now);
        let id = self.blocks.get(asked).id;
        let polled = honest.engine.poll(&id, time, &mut honest.rng);
        let PollRequest { poll, voters, .. } = match polled {
            Ok(request) => request,
            Err(error) => return Err(self.refused(node, error)),
        };
        honest.opened += 1;
        honest.next_poll_us = now.saturating_add(interval);
        let seat = |&(voter, slots): &(u32, u32)| Seat {
            voter,
            slots,
            answered: false,
        };
        honest.open.push_back(Open {
            poll,
            opened_us: now,
            asked,
            seats: voters.iter().map(seat).collect(),
            tally: Vec::new(),
            answered: 0,
        });
        for (voter, _) in voters {
            if let Some(way) = self.way(node, voter) {
                let question = Event::Question {
                    asker: node,
                    voter,
                    poll,
                    asked,
                };
                self.schedule(now.saturating_add(way), question);
            }
        }
        let timeout = self.configuration.network.timeout_us;
        self.schedule(
            now.saturating_add(timeout),
            Event::Timeout { asker: node, poll },
        );
        self.rouse(node);
        Ok(())
    }

    /// How long a message takes; none if it does not arrive. What a node tells itself it knows at once.
    fn way(&mut self, from: u32, to: u32) -> Option<u64> {
        if from == to {
            return Some(0);
        }
        let network = &self.configuration.network;
        let way = network.delay(&mut self.rng);
        let lost = network.loses(&mut self.rng)
            || severed_until(&self.configuration.partition, from, to, self.now).is_some();
        (!lost).then_some(way)
    }

    /// A question arrives: the voter answers, or doesn't.
    pub(super) fn question(&mut self, asker: u32, voter: u32, poll: u64, asked: u32) {
        let answer = match self.honest(voter) {
            Some(honest) => {
                let choice = honest.preference;
                let decided = honest.fate(choice) == Fate::Accepted;
                let said = match honest.fate(asked) {
                    Fate::Rejected if decided => Said::Reject,
                    _ if decided => Said::Accept,
                    _ => Said::Prefer,
                };
                Some(Answer {
                    choice,
                    accepted: honest.last,
                    said,
                })
            }
            None => self.lie(voter, asker).map(|choice| Answer {
                choice,
                accepted: GENESIS,
                said: Said::Prefer,
            }),
        };
        let Some(answer) = answer else {
            return;
        };
        if let Some(way) = self.way(voter, asker) {
            let event = Event::Answer {
                asker,
                voter,
                poll,
                answer,
            };
            self.schedule(self.now.saturating_add(way), event);
        }
    }

    /// What a Byzantine node names, who knows everything.
    fn lie(&mut self, voter: u32, asker: u32) -> Option<u32> {
        let byzantine = &self.configuration.byzantine;
        let (last, stance) = self.honest(asker).map(|asker| (asker.last, asker.stance))?;
        let rivals = match self.blocks.get(last) {
            // The asker has decided everything: what it decided last is still denied.
            entry if entry.children.is_empty() => &self.blocks.get(entry.parent).children,
            entry => &entry.children,
        };
        let in_turn = |n: u64| {
            let place = n.checked_rem(rivals.len() as u64)?;
            rivals.get(place as usize).copied()
        };
        let Node::Byzantine(answers) = &mut self.nodes[voter as usize] else {
            return None;
        };
        *answers += 1;
        let answers = *answers;
        match byzantine.strategy {
            Strategy::Silent => None,
            Strategy::Flip => in_turn(answers),
            Strategy::Equivocate => in_turn(asker.into()),
            Strategy::Constant => rivals.get(byzantine.rival as usize).copied(),
            Strategy::AlwaysOther => {
                let others = rivals.iter().copied().filter(|rival| *rival != stance);
                let more = |a: u32, b: u32| {
                    let supporters = |block: u32| self.supporters[block as usize];
                    if supporters(b) > supporters(a) { b } else { a }
                };
                others.reduce(more)
            }
        }
    }

    /// An answer arrives: the engine takes it if the poll is still open.
    pub(super) fn answer(
        &mut self,
        asker: u32,
        voter: u32,
        poll: u64,
        answer: Answer,
    ) -> Result<(), SimulationError> {
        let now = self.now;
        let nodes = self.configuration.nodes as usize;
        let Node::Honest(honest) = &mut self.nodes[asker as usize] else {
            return Ok(());
        };
        let undecided = honest.undecided(self.configuration.workload.heights);
        let supports = self.blocks.ancestor(answer.choice, undecided);
        let counted = poll >= honest.ended;
        let Some(open) = honest.open_mut(poll) else {
            return Ok(());
        };
        let Some(seat) = open.seats.iter_mut().find(|seat| seat.voter == voter) else {
            return Ok(());
        };
        seat.answered = true;
        let (slots, opened_us, asked) = (seat.slots, open.opened_us, open.asked);
        if counted {
            open.support(supports, slots);
        }
        if honest.peers.is_empty() && answer.accepted != GENESIS {
            honest.peers.resize(nodes, GENESIS);
        }
        if let Some(known) = honest.peers.get_mut(voter as usize) {
            *known = answer.accepted;
        }
        self.row(VoteRow {
            time_us: now,
            asker,
            poll,
            voter,
            slots,
            asked,
            choice: Some(answer.choice),
            supports,
            said: answer.said,
            counted,
            latency_us: now - opened_us,
        });
        if counted {
            self.vote(asker, poll, voter, Some(answer.choice))?;
        }
        Ok(())
    }

    /// The asker waits no longer: what is missing is the voter's last accepted block, as far as that is known.
    pub(super) fn timeout(&mut self, asker: u32, poll: u64) -> Result<(), SimulationError> {
        let Some(honest) = self.honest_mut(asker) else {
            return Ok(());
        };
        let Some(open) = honest.open_mut(poll) else {
            return Ok(());
        };
        let (opened_us, asked) = (open.opened_us, open.asked);
        let missing = open.seats.iter().filter(|seat| !seat.answered);
        let missing: Vec<(u32, u32)> = missing.map(|seat| (seat.voter, seat.slots)).collect();
        for (voter, slots) in missing {
            let Node::Honest(honest) = &mut self.nodes[asker as usize] else {
                return Ok(());
            };
            let counted = poll >= honest.ended;
            let known = honest.peers.get(voter as usize).copied();
            let choice = known.filter(|known| *known != GENESIS && counted);
            let height = honest.undecided(self.configuration.workload.heights);
            let supports = choice.and_then(|choice| self.blocks.ancestor(choice, height));
            if let Some(open) = honest.open_mut(poll).filter(|_| supports.is_some()) {
                open.support(supports, slots);
            }
            self.row(VoteRow {
                time_us: self.now,
                asker,
                poll,
                voter,
                slots,
                asked,
                choice: None,
                supports: None,
                said: Said::Nothing,
                counted,
                latency_us: self.now - opened_us,
            });
            if counted {
                self.vote(asker, poll, voter, choice)?;
            }
        }
        if let Some(honest) = self.honest_mut(asker) {
            honest.open.pop_front();
        }
        Ok(())
    }

    /// Hands a vote to the engine and applies what it decides.
    fn vote(
        &mut self,
        asker: u32,
        poll: u64,
        voter: u32,
        choice: Option<u32>,
    ) -> Result<(), SimulationError> {
        let now = Duration::from_micros(self.now);
        let Node::Honest(honest) = &mut self.nodes[asker as usize] else {
            return Ok(());
        };
        let vote = Vote {
            poll,
            voter,
            choice: choice.map(|choice| C::choice(&self.blocks, choice)),
        };
        let decided = match honest.engine.process_vote(&vote, now) {
            Ok(decided) => decided,
            Err(error) => return Err(self.refused(asker, error)),
        };
        let ended = honest.engine.stats().polls;
        if ended > honest.ended {
            self.end_polls(asker, ended, &decided);
        }
        Ok(())
    }

    /// Polls up to number `ended` have ended.
    fn end_polls(&mut self, node: u32, ended: u64, decided: &Decided) {
        let (now, parameters) = (self.now, self.parameters);
        let before = self
            .honest(node)
            .map(|honest| (honest.height, honest.stance));
        let Some((height, stance)) = before else {
            return;
        };
        self.apply(node, decided);
        self.refresh(node);
        let Node::Honest(honest) = &mut self.nodes[node as usize] else {
            return;
        };
        let accepted = (honest.height > height)
            .then(|| self.blocks.ancestor(honest.last, height + 1))
            .flatten();
        // The poll that decides counts for what it decided.
        let target = accepted.unwrap_or(honest.stance);
        if target != stance {
            honest.confidence = 0;
        }
        let over = height == self.configuration.workload.heights;
        let mut rows = Vec::new();
        let mut confidence = honest.confidence;
        for poll in honest.ended..ended {
            let Some(open) = honest.open_mut(poll) else {
                continue;
            };
            let success = open.count(target) >= parameters.alpha_confidence;
            let before = confidence;
            // Polls that end together with the one that decides, or after it, change nothing.
            confidence = match success || over {
                true => (before + 1).min(parameters.beta),
                false => 0,
            };
            let (leading, slots) = open.leading().unzip();
            let slots = slots.unwrap_or(0);
            let last = poll + 1 == ended;
            let made = |ids: usize| if last { ids as u32 } else { 0 };
            rows.push(PollRow {
                asker: node,
                poll,
                opened_us: open.opened_us,
                ended_us: now,
                asked: open.asked,
                answered: open.answered,
                leading,
                leading_slots: slots,
                quorum: slots >= parameters.alpha_preference,
                confidence,
                accepted: made(decided.accepted.len()),
                rejected: made(decided.rejected.len()),
            });
            if !over && before < parameters.beta {
                self.forecasts
                    .poll(&mut honest.pace, now, before, confidence);
            }
        }
        honest.ended = ended;
        honest.confidence = confidence;
        honest.quorums += rows.iter().filter(|row| row.quorum).count() as u64;
        if accepted.is_some() {
            self.forecasts.decide(&honest.pace, now);
            honest.pace = Pace::begin(now);
            honest.confidence = match honest.height < self.configuration.workload.heights {
                true => 0,
                false => parameters.beta,
            };
        }
        if self.states.is_some() {
            for row in rows {
                self.record_poll(row);
            }
        }
        self.rouse(node);
    }

    /// Notes what a poll decided, and issues what comes next.
    fn apply(&mut self, node: u32, decided: &Decided) {
        let heights = self.configuration.workload.heights;
        for id in &decided.rejected {
            if let (Some(block), Node::Honest(honest)) =
                (self.blocks.number(id), &mut self.nodes[node as usize])
            {
                honest.set_fate(block, Fate::Rejected);
            }
        }
        for id in &decided.accepted {
            let Some(block) = self.blocks.number(id) else {
                continue;
            };
            let height = self.blocks.get(block).height;
            let now = self.now;
            let Node::Honest(honest) = &mut self.nodes[node as usize] else {
                return;
            };
            honest.set_fate(block, Fate::Accepted);
            honest.height = height;
            honest.last = block;
            if height == heights {
                honest.decided_us = Some(now);
                self.decided += 1;
            }
            self.decisions += 1;
            self.accepted_by[block as usize] += 1;
            self.note_height(height, block);
            self.issue(block);
        }
    }

    /// A node has accepted a block at a height; the first one sets what agreement is.
    fn note_height(&mut self, height: u32, block: u32) {
        let (now, rival) = (self.now, self.blocks.get(block).rival);
        let place = height as usize - 1;
        if self.heights.len() == place {
            self.heights.push(HeightRow {
                height,
                block,
                rival,
                nodes: 0,
                others: 0,
                first_us: now,
                last_us: now,
            });
        }
        if let Some(row) = self.heights.get_mut(place) {
            row.last_us = now;
            if row.block == block {
                row.nodes += 1;
            } else {
                row.others += 1;
                self.disagreements += 1;
            }
        }
    }

    /// A node's preference may have changed.
    pub(super) fn refresh(&mut self, node: u32) {
        let Node::Honest(honest) = &mut self.nodes[node as usize] else {
            return;
        };
        let preferred = C::named(&self.blocks, &honest.engine.preference());
        honest.preference = preferred.unwrap_or(honest.last);
        let at = self.blocks.ancestor(honest.preference, honest.height + 1);
        let stance = at.unwrap_or(honest.last);
        self.supporters[honest.stance as usize] -= 1;
        self.supporters[stance as usize] += 1;
        honest.stance = stance;
    }

    fn record_poll(&mut self, row: PollRow) {
        if (self.record.polls.len() as u64) < self.configuration.limits.rows {
            self.record.polls.push(row);
        } else {
            self.record.left_out += 1;
        }
    }

    /// Counts a vote, and records it.
    fn row(&mut self, row: VoteRow) {
        let sum = &mut self.rows[row.voter as usize];
        sum.asked += 1;
        match row.said {
            Said::Prefer => sum.prefer += 1,
            Said::Accept => sum.accept += 1,
            Said::Reject => sum.reject += 1,
            Said::Nothing => sum.nothing += 1,
        }
        if self.states.is_none() {
            return;
        }
        if row.choice.is_some() {
            self.record.matrix.count(row.asker, row.voter, 1);
        }
        if (self.record.votes.len() as u64) < self.configuration.limits.rows {
            self.record.votes.push(row);
        } else {
            self.record.left_out += 1;
        }
    }
}
