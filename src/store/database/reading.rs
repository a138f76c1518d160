//! Reading a store in one bounded read transaction, on any database.
//!
//! A backend has a `Reader` with `begin(limit)`, which takes a consistent snapshot; `guard(limit, work)`, which waits for
//! what is read from it; and `end(snapshot, answer)`, which lets the answer pass if the snapshot was good. [`read`] is one such read; [`ask`] is a call of somebody who asks, with
//! one of the few readers a store has for that.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use super::failure::StoreError;
use crate::management::ManagementError;

/// One read transaction on a reader: `read!(reader, limit, snapshot => work)`, where `work` is a `Result` of
/// [`StoreError`]. Tried twice where a second try is worth it: a copy that is being replaced is usually whole a moment
/// later.
///
/// A macro, because a function that takes the work as an async closure gives no `Send` future.
macro_rules! read {
    ($reader:expr, $limit:expr, $snapshot:ident => $work:expr) => {{
        let limit = $limit;
        let mut again = true;
        loop {
            let outcome = match $reader.begin(limit).await {
                Ok(mut $snapshot) => {
                    let answer = {
                        let $snapshot = &mut $snapshot;
                        $reader.guard(limit, async { $work }).await
                    };
                    $reader.end($snapshot, answer).await
                }
                Err(failure) => Err(failure),
            };
            match outcome {
                Err(failure) if again && failure.is_passing() => again = false,
                outcome => break outcome,
            }
        }
    }};
}
pub(in crate::store) use read;

/// One call: `ask!(readers, place, snapshot => work)`, where `work` is a [`QueryResult`].
macro_rules! ask {
    ($readers:expr, $place:expr, $snapshot:ident => $work:expr) => {{
        let mut lent = $readers.lend().await?;
        let reader = lent.reader()?;
        $crate::store::database::reading::read!(
            reader, $readers.limit(), $snapshot => $crate::store::database::reading::settle($work)
        )
        .map_err(|failure| failure.answer($place, $readers.limit()))?
    }};
}
pub(in crate::store) use ask;

/// Why a read failed: the store, or the caller's request.
pub(in crate::store) enum QueryError {
    Store(StoreError),
    Asked(ManagementError),
}

pub(in crate::store) type QueryResult<T> = Result<T, QueryError>;

impl From<StoreError> for QueryError {
    fn from(failure: StoreError) -> Self {
        Self::Store(failure)
    }
}

impl From<sqlx::Error> for QueryError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<ManagementError> for QueryError {
    fn from(error: ManagementError) -> Self {
        Self::Asked(error)
    }
}

/// What the asker did wrong is an answer to the reader.
pub(in crate::store) fn settle<T>(answer: QueryResult<T>) -> Result<Result<T, ManagementError>, StoreError> {
    match answer {
        Ok(answer) => Ok(Ok(answer)),
        Err(QueryError::Asked(error)) => Ok(Err(error)),
        Err(QueryError::Store(failure)) => Err(failure),
    }
}

/// The readers of one store; who comes when all are lent waits.
pub(in crate::store) struct Readers<R> {
    limit: Duration,
    /// As many as there are permits.
    readers: Mutex<Vec<R>>,
    permits: Semaphore,
}

impl<R> Readers<R> {
    /// `limit`: the time a call may take.
    pub(in crate::store) fn new(limit: Duration, readers: Vec<R>) -> Self {
        Self { limit, permits: Semaphore::new(readers.len()), readers: Mutex::new(readers) }
    }

    pub(in crate::store) fn limit(&self) -> Duration {
        self.limit
    }

    pub(in crate::store) async fn lend(&self) -> Result<Lent<'_, R>, ManagementError> {
        let permit = tokio::time::timeout(self.limit, self.permits.acquire()).await;
        let permit = permit.map_err(|_| ManagementError::TimedOut(self.limit))?.map_err(|_| gone())?;
        let reader = self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Ok(Lent { reader, home: &self.readers, _permit: permit })
    }
}

/// A reader for one call. It goes home also when the call is given up in the middle.
pub(in crate::store) struct Lent<'a, R> {
    reader: Option<R>,
    home: &'a Mutex<Vec<R>>,
    _permit: SemaphorePermit<'a>,
}

impl<R> Lent<'_, R> {
    pub(in crate::store) fn reader(&mut self) -> Result<&mut R, ManagementError> {
        self.reader.as_mut().ok_or_else(gone)
    }
}

fn gone() -> ManagementError {
    ManagementError::Failed("its readers are gone".to_owned())
}

impl<R> Drop for Lent<'_, R> {
    fn drop(&mut self) {
        // Before the permit is given back: fields are dropped after this.
        self.home.lock().unwrap_or_else(PoisonError::into_inner).extend(self.reader.take());
    }
}
