//! Datasets by what a task commits to: those on this machine, and those that others serve.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use quern_client::{
    DatasetCommitment,
    dataset::blob::{self, BlobError},
};
use quern_training::Dataset;
use quern_work::Hash;

use crate::shelf::{self, Shelf, ShelfError};

/// Why a dataset cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// Its blob cannot be had, for now.
    #[error(transparent)]
    Shelf(#[from] ShelfError),
    /// What the task commits to is no dataset.
    #[error("the committed rows are no dataset: {0}")]
    Rows(#[from] BlobError),
}

/// The datasets at hand. Clones share them.
#[derive(Clone)]
pub struct Library<S> {
    shelf: S,
    /// The rows given on the command line.
    local: Option<Arc<Dataset>>,
    /// Fetched ones that are in use.
    lent: Arc<Mutex<HashMap<Hash, Weak<Dataset>>>>,
}

impl<S: Shelf> Library<S> {
    /// A library with these rows on this machine.
    pub fn new(shelf: S, local: Option<Arc<Dataset>>) -> Self {
        Self {
            shelf,
            local,
            lent: Arc::default(),
        }
    }

    /// The dataset of this commitment: from this machine, else from these contacts or whoever has it.
    ///
    /// # Errors
    /// [`DataError`].
    pub async fn get(
        &self,
        commitment: &DatasetCommitment,
        from: &[String],
    ) -> Result<Arc<Dataset>, DataError> {
        if let Some(data) = self.at_hand(commitment) {
            return Ok(data);
        }
        let bytes = self.shelf.fetch(&shelf::dataset(commitment), from).await?;
        let wanted = commitment.clone();
        let read = move || blob::decode(&bytes, &wanted);
        let data = tokio::task::spawn_blocking(read)
            .await
            .unwrap_or_else(|crash| std::panic::resume_unwind(crash.into_panic()))?;
        let data = Arc::new(data);
        self.lent().insert(commitment.root, Arc::downgrade(&data));
        Ok(data)
    }

    /// The dataset of this commitment, if it is on this machine or in use.
    pub fn at_hand(&self, commitment: &DatasetCommitment) -> Option<Arc<Dataset>> {
        let lent = self.lent().get(&commitment.root).and_then(Weak::upgrade);
        let fits = |data: &Arc<Dataset>| data.commitment() == *commitment;
        self.local.iter().cloned().chain(lent).find(fits)
    }

    /// Root of the rows on this machine.
    pub fn local_root(&self) -> Option<Hash> {
        self.local.as_ref().map(|data| data.commitment().root)
    }

    fn lent(&self) -> std::sync::MutexGuard<'_, HashMap<Hash, Weak<Dataset>>> {
        let mut lent = self.lent.lock().unwrap_or_else(PoisonError::into_inner);
        lent.retain(|_, data| data.strong_count() > 0);
        lent
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        shelf::{double::Double, publish_dataset},
        world::{data, held_out},
    };

    #[tokio::test]
    async fn rows_on_this_machine_are_not_fetched() {
        let shelf = Double::default();
        let library = Library::new(shelf.clone(), Some(Arc::new(data())));
        let found = library.get(&data().commitment(), &[]).await.unwrap();
        assert_eq!(found.x(), data().x());
        assert!(shelf.asked.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn other_rows_are_fetched_once_while_they_are_in_use() {
        let shelf = Double::default();
        publish_dataset(&shelf, &held_out()).await.unwrap();
        let library = Library::new(shelf.clone(), Some(Arc::new(data())));
        let from = ["client".to_owned()];
        let wanted = held_out().commitment();
        let first = library.get(&wanted, &from).await.unwrap();
        let second = library.get(&wanted, &from).await.unwrap();
        assert!(Arc::ptr_eq(&first, &second));
        assert_eq!(*shelf.asked.lock().unwrap(), [["client".to_owned()]]);
        drop((first, second));
        assert!(library.at_hand(&wanted).is_none());
    }

    #[tokio::test]
    async fn rows_that_nobody_serves_and_rows_out_of_bounds_are_refused() {
        let shelf = Double::default();
        let library = Library::new(shelf.clone(), None);
        let mut wanted = data().commitment();
        let refusal = library.get(&wanted, &[]).await.unwrap_err();
        assert!(matches!(refusal, DataError::Shelf(_)));
        publish_dataset(&shelf, &data()).await.unwrap();
        wanted.classes = 2;
        let refusal = library.get(&wanted, &[]).await.unwrap_err();
        assert!(matches!(refusal, DataError::Rows(_)));
    }
}
