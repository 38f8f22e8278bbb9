//! The duties of an account's tickets: each is done in a task of its own, from the block in which the chain shows it until it is over.

use std::collections::BTreeMap;

use quern_client::{Duty, Role, TicketInfo};
use quern_market::ticket::Contact;
use tokio::task::{AbortHandle, JoinSet};

use crate::{
    chain::{Chain, Patience, each_block, say},
    data::Library,
    display::Gauges,
    evaluator::Evaluation,
    execute::Machine,
    journal::{Journal, JournalError},
    shelf::Shelf,
    supervisor::supervise,
    verifier::Audit,
    vote::vote,
};

/// What duties are done with.
#[derive(Clone)]
pub struct Office<C, S> {
    /// The chain.
    pub chain: C,
    /// Where blobs come from.
    pub shelf: S,
    /// Where data come from.
    pub library: Library<S>,
    /// What executes.
    pub machine: Machine,
    /// Where votes and logs are kept.
    pub journal: Journal,
    /// What a person sees.
    pub gauges: Gauges,
    /// The roles that this worker plays.
    pub roles: Vec<Role>,
}

impl<C: Chain, S: Shelf> Office<C, S> {
    /// Does all duties but mining, block by block.
    ///
    /// # Errors
    /// When the journal cannot be kept: without it no vote is safe.
    pub async fn attend(self) -> Result<(), JournalError> {
        let mut blocks = each_block(&self.chain);
        let mut at_work = BTreeMap::<Duty, AbortHandle>::new();
        let mut ended = JoinSet::new();
        // votes of an earlier worker are brought to their end, whatever has become of their tickets
        for duty in remembered(&self.journal, &self.roles) {
            let task = ended.spawn(self.clone().perform(duty));
            at_work.insert(duty, task);
        }
        while blocks.next().await.is_some() {
            match self.chain.tickets().await {
                Ok(tickets) => {
                    for duty in duties(&tickets, &self.roles) {
                        at_work
                            .entry(duty)
                            .or_insert_with(|| ended.spawn(self.clone().perform(duty)));
                    }
                }
                Err(error) => tracing::debug!("tickets: {error}"),
            }
            while let Some(done) = ended.try_join_next() {
                done.unwrap_or_else(|crash| std::panic::resume_unwind(crash.into_panic()))?;
            }
            at_work.retain(|_, task| !task.is_finished());
            self.gauges
                .update(|progress| progress.duties = at_work.len());
        }
        Ok(())
    }

    async fn perform(self, duty: Duty) -> Result<(), JournalError> {
        let Self {
            chain,
            shelf,
            library,
            machine,
            journal,
            ..
        } = self;
        match duty {
            Duty::Audit(id) => {
                let audit = Audit {
                    chain: chain.clone(),
                    shelf,
                    library,
                    machine,
                    id,
                };
                vote(&chain, &journal, &audit).await
            }
            Duty::Evaluate(id) => {
                let evaluation = Evaluation {
                    chain: chain.clone(),
                    shelf,
                    library,
                    machine,
                    id,
                };
                vote(&chain, &journal, &evaluation).await
            }
            Duty::Supervise(id) => supervise(&chain, &journal, id).await,
            Duty::Mine(_) => Ok(()),
        }
    }
}

/// The duties of these roles, but for mining.
fn duties(tickets: &[TicketInfo], roles: &[Role]) -> Vec<Duty> {
    let ours = tickets.iter().filter(|ticket| roles.contains(&ticket.role));
    ours.flat_map(|ticket| ticket.duties.iter().copied())
        .filter(|duty| !matches!(duty, Duty::Mine(_)))
        .collect()
}

/// The duties that have votes in the journal.
fn remembered(journal: &Journal, roles: &[Role]) -> Vec<Duty> {
    let ids = |subject: &str, role| {
        let names = match roles.contains(&role) {
            true => journal.names(subject),
            false => Vec::new(),
        };
        let id = |name: String| {
            let (id, _) = name.strip_prefix(subject)?.split_once('-')?;
            id.parse::<u64>().ok()
        };
        names.into_iter().filter_map(id).collect::<Vec<_>>()
    };
    let audits = ids("audit-", Role::Verifier).into_iter().map(Duty::Audit);
    let tasks = ids("evaluation-", Role::Evaluator).into_iter();
    let tasks = tasks.filter_map(|id| u32::try_from(id).ok().map(Duty::Evaluate));
    let mut duties: Vec<Duty> = audits.chain(tasks).collect();
    duties.sort_unstable();
    duties.dedup();
    duties
}

/// Writes on every live ticket of these roles where its holder serves blobs, where that is not there yet, whenever the ticket was
/// bought. Says once which role has no ticket.
pub async fn announce<C: Chain>(chain: &C, roles: &[Role], contact: &str) {
    let Ok(bytes) = Contact::try_from(contact.as_bytes().to_vec()) else {
        return tracing::warn!("{contact} is too long for a ticket: others cannot fetch from here");
    };
    let mut blocks = each_block(chain);
    let mut patience = Patience::default();
    let mut missing = roles.to_vec();
    while let Some(height) = blocks.next().await {
        if patience.is_over(height)
            && let Ok(mut tickets) = chain.tickets().await
        {
            tickets.retain(|ticket| ticket.withdrawable.is_none() && roles.contains(&ticket.role));
            for role in std::mem::take(&mut missing) {
                if !tickets.iter().any(|ticket| ticket.role == role) {
                    let role = format!("{role:?}").to_lowercase();
                    tracing::warn!("the key has no live {role} ticket; waiting for one");
                }
            }
            for ticket in tickets {
                if ticket.preferences.contact == bytes {
                    continue;
                }
                let mut preferences = ticket.preferences;
                preferences.contact = bytes.clone();
                let call = quern_client::Call::SetPreferences {
                    ticket: ticket.id,
                    preferences,
                };
                patience.learn(&say(chain, call).await, height);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use quern_client::{Call, Preferences};

    use super::*;
    use crate::chain::double::{ACCOUNT, Double};

    fn ticket(id: u64, role: Role, duties: &[Duty]) -> TicketInfo {
        TicketInfo {
            id,
            owner: ACCOUNT,
            role,
            stake: 1,
            preferences: Preferences::any(2),
            bought: 0,
            expires: 100,
            withdrawable: None,
            duties: duties.to_vec(),
        }
    }

    #[test]
    fn only_the_duties_of_the_played_roles_are_done() {
        let tickets = [
            ticket(1, Role::Miner, &[Duty::Mine(1)]),
            ticket(2, Role::Verifier, &[Duty::Audit(2), Duty::Audit(3)]),
            ticket(3, Role::Supervisor, &[Duty::Supervise(4)]),
        ];
        assert_eq!(duties(&tickets, &[Role::Miner]), []);
        assert_eq!(
            duties(&tickets, &[Role::Verifier, Role::Miner]),
            [Duty::Audit(2), Duty::Audit(3)]
        );
    }

    #[test]
    fn votes_of_an_earlier_worker_are_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(folder.path().to_owned()).unwrap();
        for name in [
            "audit-7-40",
            "audit-7-60",
            "audit-x-1",
            "evaluation-3-9",
            "claim-2",
        ] {
            journal.put(name, &0).unwrap();
        }
        assert_eq!(
            remembered(&journal, &[Role::Verifier, Role::Evaluator]),
            [Duty::Audit(7), Duty::Evaluate(3)]
        );
        assert_eq!(
            remembered(&journal, &[Role::Evaluator]),
            [Duty::Evaluate(3)]
        );
    }

    #[tokio::test]
    async fn a_contact_is_written_once_on_every_live_ticket_of_a_played_role() {
        let chain = Double::new(1);
        let mut retired = ticket(2, Role::Verifier, &[]);
        retired.withdrawable = Some(50);
        let others = ticket(3, Role::Evaluator, &[]);
        chain.world.lock().unwrap().tickets = vec![ticket(1, Role::Verifier, &[]), retired, others];
        let announcing = {
            let chain = chain.clone();
            tokio::spawn(async move { announce(&chain, &[Role::Verifier], "/here").await })
        };
        let Call::SetPreferences {
            ticket: 1,
            preferences,
        } = chain.called().await
        else {
            panic!("not announced")
        };
        assert_eq!(preferences.contact.as_slice(), b"/here");
        assert_eq!(preferences.concurrent, 2);
        chain.block(|world| world.tickets[0].preferences = preferences);
        assert!(chain.is_silent().await);
        // bought later
        chain.block(|world| world.tickets.push(ticket(4, Role::Verifier, &[])));
        let call = chain.called().await;
        assert!(matches!(call, Call::SetPreferences { ticket: 4, .. }));
        announcing.abort();
    }
}
