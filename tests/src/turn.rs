//! One heavy test at a time: a node and a worker already fill a small machine.

use tokio::sync::{Semaphore, SemaphorePermit};

static TURNS: Semaphore = Semaphore::const_new(1);

/// Held by the test whose turn it is.
#[derive(Debug)]
pub struct Turn(#[expect(dead_code, reason = "held, never read")] SemaphorePermit<'static>);

/// Waits for this test's turn among those of its process; `cargo test` runs processes one after another.
///
/// # Panics
/// Never: the semaphore is not closed.
pub async fn turn() -> Turn {
    Turn(TURNS.acquire().await.expect("the semaphore stays open"))
}
