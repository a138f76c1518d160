//! What the errors of the database drivers mean.

use super::database::failure::StoreError;
use crate::labels::FailureReason;

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        if let sqlx::Error::Database(database) = &error {
            #[cfg(feature = "sqlite")]
            if let Some(error) = database.try_downcast_ref::<sqlx::sqlite::SqliteError>() {
                return super::sqlite::classify(error);
            }
            #[cfg(feature = "postgres")]
            if let Some(error) = database.try_downcast_ref::<sqlx::postgres::PgDatabaseError>() {
                return super::postgres::classify(error);
            }
        }
        #[cfg(feature = "postgres")]
        if let Some(failure) = super::postgres::of_the_connection(&error) {
            return failure;
        }
        StoreError::new(FailureReason::Other, error.to_string())
    }
}
