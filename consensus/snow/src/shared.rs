//! What the worker shares with GRANDPA's voter and with the RPC.

use std::sync::Arc;

use parking_lot::Mutex;
use polkadot_sdk::sp_core::H256;
use tokio::sync::broadcast;

use crate::{Gadget, gadget::State};

/// Accepted blocks that a slow reader may be behind.
const BACKLOG: usize = 256;

/// A block that polls have accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Its hash.
    pub hash: H256,
    /// Its number.
    pub number: u64,
}

/// Snow on this node; clones are the same.
#[derive(Clone, Debug)]
pub struct Snow {
    /// None while the chain has Snow switched off.
    gadget: Arc<Mutex<Option<Gadget>>>,
    accepted: broadcast::Sender<Accepted>,
}

impl Default for Snow {
    fn default() -> Self {
        Self {
            gadget: Arc::default(),
            accepted: broadcast::Sender::new(BACKLOG),
        }
    }
}

impl Snow {
    /// Where it stands; none while the chain has it switched off.
    pub fn state(&self) -> Option<State> {
        self.with(|gadget| gadget.state())
    }

    /// Blocks as polls accept them.
    pub fn accepted(&self) -> broadcast::Receiver<Accepted> {
        self.accepted.subscribe()
    }

    /// Tells the readers of an accepted block.
    pub(crate) fn tell(&self, accepted: Accepted) {
        // Nobody may be listening.
        let _ = self.accepted.send(accepted);
    }

    /// Does something with the gadget, if there is one.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut Gadget) -> T) -> Option<T> {
        self.gadget.lock().as_mut().map(act)
    }

    /// Switches Snow on with a gadget, or off with none.
    pub(crate) fn switch(&self, gadget: Option<Gadget>) {
        *self.gadget.lock() = gadget;
    }
}
