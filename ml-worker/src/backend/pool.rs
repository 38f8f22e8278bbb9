//! Threads of one backend.

use rayon::prelude::*;

/// Where tasks run. Results never depend on it: tasks own what they write.
pub(crate) enum Pool {
    /// On the calling thread.
    Caller,
    /// On threads of its own.
    Threads(rayon::ThreadPool),
}

impl Pool {
    /// `threads` of them; at most one means the calling thread.
    pub(crate) fn new(threads: usize) -> Result<Self, rayon::ThreadPoolBuildError> {
        if threads <= 1 {
            return Ok(Self::Caller);
        }
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|i| format!("train-{i}"))
            .build()?;
        Ok(Self::Threads(pool))
    }

    /// Number of threads.
    pub(crate) fn threads(&self) -> usize {
        match self {
            Self::Caller => 1,
            Self::Threads(pool) => pool.current_num_threads(),
        }
    }

    /// Calls `task` with the index and the elements of every chunk of `size` elements (the last may be shorter).
    pub(crate) fn chunks<T: Send>(
        &self,
        items: &mut [T],
        size: usize,
        task: impl Fn(usize, &mut [T]) + Sync,
    ) {
        match self {
            Self::Caller => items
                .chunks_mut(size)
                .enumerate()
                .for_each(|(i, chunk)| task(i, chunk)),
            Self::Threads(pool) => {
                pool.install(|| {
                    items
                        .par_chunks_mut(size)
                        .enumerate()
                        .for_each(|(i, chunk)| task(i, chunk))
                });
            }
        }
    }

    /// Calls `task` with every item and its index.
    pub(crate) fn each<T: Send>(&self, items: &mut [T], task: impl Fn(usize, &mut T) + Sync) {
        self.chunks(items, 1, |i, item| task(i, &mut item[0]));
    }
}
