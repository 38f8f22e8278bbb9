//! Patience.

use std::time::Duration;

/// How long anything that should happen may take. Long, because machines are busy; never a measure.
pub const PATIENCE: Duration = Duration::from_secs(240);

/// Time between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Looks again and again until `look` finds something, and gives that.
///
/// # Panics
/// If it finds nothing for [`PATIENCE`]; `what` names the thing in the message.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let found = tokio::time::timeout(PATIENCE, async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    });
    match found.await {
        Ok(found) => found,
        Err(_) => panic!("waited in vain: {what}"),
    }
}
