//! What an answer takes, from those who serve it, and why it may not be at hand.

use std::time::{Duration, Instant};

use quern_client::Error;

use crate::{data::DataError, shelf::ShelfError};

/// Time after which what has not come is taken for not served; a later attempt goes on from what has. Much less than there is
/// for digests, or who serves slowly enough would keep every attempt from ending.
const TOO_LONG: Duration = Duration::from_secs(30);

/// What an attempt to gather gives.
#[derive(Debug)]
pub enum Gathered<M> {
    /// Nothing: there is nothing to answer any more.
    Nothing,
    /// All of it.
    Whole(M),
    /// What there is. An answer can be found without the rest, which others do not serve.
    Part(M),
}

/// Why what an answer takes is not at hand.
#[derive(Debug, thiserror::Error)]
pub enum Obstacle {
    /// The chain does not answer.
    #[error(transparent)]
    Chain(#[from] Error),
    /// A blob cannot be had.
    #[error(transparent)]
    Shelf(#[from] ShelfError),
    /// Rows cannot be had.
    #[error(transparent)]
    Data(#[from] DataError),
    /// It comes too slowly.
    #[error("it is not served in time")]
    Slow,
    /// What is served under the state's root is another thing.
    #[error("the served state is none of this network and step")]
    State,
}

impl Obstacle {
    /// Whether those who should serve it are to blame, and not this worker's connection, disk or blob node.
    pub fn is_theirs(&self) -> bool {
        match self {
            Self::Chain(_) => false,
            Self::Shelf(error) | Self::Data(DataError::Shelf(error)) => {
                matches!(error, ShelfError::NotServed(_))
            }
            Self::Data(DataError::Rows(_)) | Self::Slow | Self::State => true,
        }
    }
}

/// The time that one attempt to gather waits for what others serve, all of it together.
pub struct Wait(Duration);

impl Default for Wait {
    fn default() -> Self {
        Self(TOO_LONG)
    }
}

impl Wait {
    /// What is served, unless the time is up first.
    ///
    /// # Errors
    /// Why it cannot be had.
    pub async fn served<T, E>(
        &mut self,
        fetch: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Obstacle>
    where
        Obstacle: From<E>,
    {
        let begun = Instant::now();
        let fetched = tokio::time::timeout(self.0, fetch).await;
        self.0 = self.0.saturating_sub(begun.elapsed());
        Ok(fetched.map_err(|_| Obstacle::Slow)??)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_comes_too_slowly_is_not_served() {
        let mut wait = Wait(Duration::from_millis(1));
        let never = std::future::pending::<Result<(), Error>>();
        let obstacle = wait.served(never).await.unwrap_err();
        assert!(matches!(obstacle, Obstacle::Slow) && obstacle.is_theirs());
        // all of it together: what is there already is had, and no more is waited for
        assert_eq!(wait.0, Duration::ZERO);
        let here = wait.served(async { Ok::<_, Error>(1) }).await;
        assert_eq!(here.unwrap(), 1);
    }

    #[test]
    fn only_what_others_can_help_is_theirs() {
        let (here, not_served) = (ShelfError::Here, ShelfError::NotServed);
        assert!(Obstacle::from(not_served("nobody has it".into())).is_theirs());
        assert!(!Obstacle::from(here("no room".into())).is_theirs());
        assert!(!Obstacle::from(Error::Closed).is_theirs());
        let data = |reason| Obstacle::from(DataError::from(reason));
        assert!(data(not_served("nobody has it".into())).is_theirs());
        assert!(!data(here("no room".into())).is_theirs());
    }
}
