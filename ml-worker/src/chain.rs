//! The chain as the roles see it: what they ask and what they say, behind one seam.
//!
//! A role looks at the chain once per best block, decides from what it sees there and in its journal, and says at most one thing
//! at a time. So nothing depends on what a worker remembers of an earlier moment: one that was killed goes on as if it had
//! only looked away.

use std::{collections::VecDeque, time::Duration};

use quern_client::{
    Account, AuditId, AuditInfo, Call, Client, Error, Run, RunId, Signer, TaskId, TaskInfo,
    TicketId, TicketInfo, WorkRules,
};
use tokio::sync::watch;

/// Blocks after which a call that is in no block yet is given up, to be decided anew.
const GIVE_UP_AFTER: u32 = 8;
/// Time after which the same is done where there are no blocks.
const GIVE_UP_AFTER_TIME: Duration = Duration::from_secs(600);

/// What roles ask a chain and say to it, with one key.
pub trait Chain: Clone + Send + Sync + 'static {
    /// Whose tickets, runs and votes these are.
    fn account(&self) -> Account;

    /// Signs bytes as they are.
    fn sign(&self, message: &[u8]) -> [u8; 64];

    /// Heights of the best block, the current one first; 0 before the first connection.
    fn blocks(&self) -> watch::Receiver<u32>;

    /// The account's tickets.
    fn tickets(&self) -> impl Future<Output = Result<Vec<TicketInfo>, Error>> + Send;

    /// One ticket.
    fn ticket(
        &self,
        id: TicketId,
    ) -> impl Future<Output = Result<Option<TicketInfo>, Error>> + Send;

    /// One task.
    fn task(&self, id: TaskId) -> impl Future<Output = Result<Option<TaskInfo>, Error>> + Send;

    /// One audit under way.
    fn audit(&self, id: AuditId) -> impl Future<Output = Result<Option<AuditInfo>, Error>> + Send;

    /// One run, of whomever.
    fn run(&self, id: RunId) -> impl Future<Output = Result<Option<Run>, Error>> + Send;

    /// The account's runs.
    fn runs(&self) -> impl Future<Output = Result<Vec<Run>, Error>> + Send;

    /// The rules of windows.
    fn rules(&self) -> impl Future<Output = Result<WorkRules, Error>> + Send;

    /// Signs a call and waits until it is done in a best block.
    fn deliver(&self, call: Call) -> impl Future<Output = Result<(), Error>> + Send;
}

/// The best blocks, one after another.
pub struct Blocks(watch::Receiver<u32>);

/// The best blocks from the current one on.
pub fn each_block<C: Chain>(chain: &C) -> Blocks {
    let mut blocks = chain.blocks();
    blocks.mark_changed();
    Blocks(blocks)
}

impl Blocks {
    /// Waits for the next one, and gives its height; none when the worker ends. Of blocks that came meanwhile it is the last one.
    pub async fn next(&mut self) -> Option<u32> {
        self.0.changed().await.ok()?;
        Some(*self.0.borrow_and_update())
    }
}

/// Blocks after which what the chain shows is not expected to be taken back.
pub const SETTLED: u32 = 16;

/// How far a run is accepted for good.
#[derive(Clone, Debug, Default)]
pub struct Settled {
    /// Steps, ascending, and the height since which no fewer were accepted.
    since: VecDeque<(u64, u32)>,
}

impl Settled {
    /// The steps, or more, that have been accepted for [`SETTLED`] blocks, where the chain shows `accepted` at `height`.
    pub fn of(&mut self, accepted: u64, height: u32) -> u64 {
        while self.since.back().is_some_and(|(more, _)| *more > accepted) {
            self.since.pop_back();
        }
        if self.since.back().is_none_or(|(last, _)| *last < accepted) {
            self.since.push_back((accepted, height));
        }
        let lasts = |(_, since): &(u64, u32)| height >= since.saturating_add(SETTLED);
        while self.since.get(1).is_some_and(lasts) {
            self.since.pop_front();
        }
        let first = self.since.front().filter(|first| lasts(first));
        first.map_or(0, |(steps, _)| *steps)
    }
}

/// Blocks for which a refused call is not tried again: a call that fails in its block costs its fee.
const BACK_OFF: u32 = 5;

/// When to try again what was refused, or failed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Patience {
    until: u32,
}

impl Patience {
    /// Whether to try in the block after `height`.
    pub fn is_over(self, height: u32) -> bool {
        height >= self.until
    }

    /// Takes what became of a call that was said at `height`.
    pub fn learn(&mut self, said: &Said, height: u32) {
        if matches!(said, Said::Refused(_)) {
            self.wait(height);
        }
    }

    /// Takes that it failed at `height`.
    pub fn wait(&mut self, height: u32) {
        self.until = height.saturating_add(BACK_OFF);
    }
}

/// What became of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// It is done.
    Done,
    /// It is refused for the reason of this name.
    Refused(String),
    /// It is in no block yet.
    Unheard,
}

/// Delivers a call. Whatever became of it, the chain's state then tells what is to be done.
pub async fn say<C: Chain>(chain: &C, call: Call) -> Said {
    let name = call.to_string();
    let mut blocks = chain.blocks();
    let last = blocks.borrow_and_update().saturating_add(GIVE_UP_AFTER);
    let patience = tokio::time::timeout(GIVE_UP_AFTER_TIME, async {
        // without a sender there are no more blocks, and time alone decides
        if blocks.wait_for(|height| *height > last).await.is_err() {
            std::future::pending::<()>().await;
        }
    });
    tokio::select! {
        done = chain.deliver(call) => match done {
            Ok(()) => {
                tracing::debug!("{name}: done");
                Said::Done
            }
            Err(error) => {
                refused(&name, &error);
                Said::Refused(error.name())
            }
        },
        _ = patience => {
            tracing::warn!("{name}: in no block yet");
            Said::Unheard
        }
    }
}

/// Says why the node would not take something. What another block, another claim or a lost connection made moot is everyday.
pub(crate) fn refused(what: &str, error: &Error) {
    match error.name().as_str() {
        "StaleTemplate"
        | "UnknownTemplate"
        | "Work::StepOutsideWindow"
        | "Work::ShareOutOfOrder"
        | "Closed"
        | "Usurped" => tracing::debug!("{what}: {error}"),
        _ => tracing::warn!("{what}: {error}"),
    }
}

/// A chain behind a node.
#[derive(Clone)]
pub struct Node {
    client: watch::Receiver<Option<Client>>,
    blocks: watch::Receiver<u32>,
    signer: Signer,
}

impl Node {
    /// The chain behind the connection in force, spoken to with this key.
    pub fn new(
        client: watch::Receiver<Option<Client>>,
        blocks: watch::Receiver<u32>,
        signer: Signer,
    ) -> Self {
        Self {
            client,
            blocks,
            signer,
        }
    }

    fn client(&self) -> Result<Client, Error> {
        self.client.borrow().clone().ok_or(Error::Closed)
    }
}

impl Chain for Node {
    fn account(&self) -> Account {
        self.signer.account()
    }

    fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.signer.sign(message)
    }

    fn blocks(&self) -> watch::Receiver<u32> {
        self.blocks.clone()
    }

    async fn tickets(&self) -> Result<Vec<TicketInfo>, Error> {
        self.client()?.tickets_of(&self.account(), None).await
    }

    async fn ticket(&self, id: TicketId) -> Result<Option<TicketInfo>, Error> {
        self.client()?.ticket(id, None).await
    }

    async fn task(&self, id: TaskId) -> Result<Option<TaskInfo>, Error> {
        self.client()?.task(id, None).await
    }

    async fn audit(&self, id: AuditId) -> Result<Option<AuditInfo>, Error> {
        self.client()?.audit(id, None).await
    }

    async fn run(&self, id: RunId) -> Result<Option<Run>, Error> {
        let info = self.client()?.run(id, None).await?;
        Ok(info.map(|info| info.run))
    }

    async fn runs(&self) -> Result<Vec<Run>, Error> {
        let infos = self.client()?.runs_of(&self.account(), None).await?;
        Ok(infos.into_iter().map(|info| info.run).collect())
    }

    async fn rules(&self) -> Result<WorkRules, Error> {
        self.client()?.rules(None).await
    }

    async fn deliver(&self, call: Call) -> Result<(), Error> {
        let submitted = self.client()?.submit(&call, &self.signer).await?;
        submitted.in_block().await.map(drop)
    }
}

#[cfg(test)]
pub(crate) mod double {
    //! A chain that is what a test says.

    use std::sync::{Arc, Mutex};

    use super::*;

    /// What the chain answers, and what was said to it.
    #[derive(Default)]
    pub(crate) struct World {
        pub(crate) tickets: Vec<TicketInfo>,
        pub(crate) tasks: Vec<TaskInfo>,
        pub(crate) audits: Vec<AuditInfo>,
        pub(crate) runs: Vec<Run>,
        pub(crate) calls: Vec<Call>,
        /// Whether calls are refused.
        pub(crate) deaf: bool,
    }

    /// A chain's double: what is said to it is noted, and changes nothing by itself.
    #[derive(Clone)]
    pub(crate) struct Double {
        pub(crate) world: Arc<Mutex<World>>,
        pub(crate) height: Arc<watch::Sender<u32>>,
    }

    pub(crate) const ACCOUNT: Account = [0xAC; 32];

    pub(crate) const RULES: WorkRules = WorkRules {
        noise_rank: 4,
        max_ahead: 1000,
        share_difficulty: 1,
        omega_b: 0,
        omega_m: 0,
        max_vote_macs: 1 << 44,
        max_vote_bytes: 1 << 34,
    };

    impl Double {
        pub(crate) fn new(height: u32) -> Self {
            Self {
                world: Arc::default(),
                height: Arc::new(watch::channel(height).0),
            }
        }

        /// Changes what the chain says, in a new block.
        pub(crate) fn block(&self, change: impl FnOnce(&mut World)) {
            change(&mut self.world.lock().unwrap());
            self.height.send_modify(|height| *height += 1);
        }

        /// Waits until something was said, and takes it.
        pub(crate) async fn called(&self) -> Call {
            for _ in 0..2000 {
                {
                    let mut world = self.world.lock().unwrap();
                    if !world.calls.is_empty() {
                        return world.calls.remove(0);
                    }
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            panic!("nothing was said");
        }

        /// Lets so many blocks come, one after another.
        pub(crate) async fn pass(&self, blocks: u32) {
            for _ in 0..blocks {
                self.block(|_| ());
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }

        /// Waits until this is so.
        pub(crate) async fn until(holds: impl Fn() -> bool) {
            for _ in 0..2000 {
                if holds() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            panic!("it never is so");
        }

        /// Whether nothing is said for a moment.
        pub(crate) async fn is_silent(&self) -> bool {
            tokio::time::sleep(Duration::from_millis(50)).await;
            self.world.lock().unwrap().calls.is_empty()
        }

        fn ask<T>(&self, answer: impl FnOnce(&World) -> T) -> Result<T, Error> {
            Ok(answer(&self.world.lock().unwrap()))
        }
    }

    impl Chain for Double {
        fn account(&self) -> Account {
            ACCOUNT
        }

        fn sign(&self, message: &[u8]) -> [u8; 64] {
            [message.len() as u8; 64]
        }

        fn blocks(&self) -> watch::Receiver<u32> {
            self.height.subscribe()
        }

        async fn tickets(&self) -> Result<Vec<TicketInfo>, Error> {
            self.ask(|world| world.tickets.clone())
        }

        async fn ticket(&self, id: TicketId) -> Result<Option<TicketInfo>, Error> {
            self.ask(|world| world.tickets.iter().find(|t| t.id == id).cloned())
        }

        async fn task(&self, id: TaskId) -> Result<Option<TaskInfo>, Error> {
            self.ask(|world| world.tasks.iter().find(|t| t.id == id).cloned())
        }

        async fn audit(&self, id: AuditId) -> Result<Option<AuditInfo>, Error> {
            self.ask(|world| world.audits.iter().find(|a| a.id == id).cloned())
        }

        async fn run(&self, id: RunId) -> Result<Option<Run>, Error> {
            self.ask(|world| world.runs.iter().find(|r| r.id == id).cloned())
        }

        async fn runs(&self) -> Result<Vec<Run>, Error> {
            self.ask(|world| world.runs.clone())
        }

        async fn rules(&self) -> Result<WorkRules, Error> {
            Ok(RULES)
        }

        async fn deliver(&self, call: Call) -> Result<(), Error> {
            let mut world = self.world.lock().unwrap();
            if world.deaf {
                return Err(Error::Closed);
            }
            world.calls.push(call);
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        double::{ACCOUNT, Double},
        *,
    };

    fn call() -> Call {
        Call::Transfer {
            to: ACCOUNT,
            amount: 1,
        }
    }

    #[tokio::test]
    async fn blocks_begin_with_the_current_one_and_end_with_the_worker() {
        let chain = Double::new(10);
        let mut blocks = each_block(&chain);
        assert_eq!(blocks.next().await, Some(10));
        chain.block(|_| ());
        chain.block(|_| ());
        assert_eq!(blocks.next().await, Some(12));
        drop(chain);
        assert_eq!(blocks.next().await, None);
    }

    #[test]
    fn steps_are_settled_once_they_have_been_accepted_for_long() {
        let mut settled = Settled::default();
        assert_eq!(settled.of(8, 10), 0);
        assert_eq!(settled.of(16, 20), 0);
        assert_eq!(settled.of(16, 10 + SETTLED), 8);
        assert_eq!(settled.of(24, 20 + SETTLED), 16);
        // taken back, and accepted again
        assert_eq!(settled.of(16, 38), 16);
        assert_eq!(settled.of(24, 39), 16);
        assert_eq!(settled.of(24, 38 + SETTLED), 16);
        assert_eq!(settled.of(24, 39 + SETTLED), 24);
    }

    #[tokio::test]
    async fn a_refused_call_is_not_tried_again_at_once() {
        let chain = Double::new(10);
        let mut patience = Patience::default();
        assert!(patience.is_over(10));
        patience.learn(&say(&chain, call()).await, 10);
        assert!(patience.is_over(10));
        chain.world.lock().unwrap().deaf = true;
        patience.learn(&say(&chain, call()).await, 10);
        assert!(!patience.is_over(14) && patience.is_over(15));
    }
}
