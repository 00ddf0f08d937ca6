/// A connection on which an outbox can enqueue: `SqliteConnection` and `PgConnection` of sqlx.
///
/// A transaction gives it as `&mut *tx`.
pub trait Connection: sealed::Connection {}

impl<C: sealed::Connection> Connection for C {}

pub(crate) mod sealed {
    use std::future::Future;

    use crate::{StoreError, store::NewRow};

    /// What differs between the databases.
    #[expect(unnameable_types, reason = "this is what seals `Connection`")]
    pub trait Connection: Send {
        /// Writes rows, and says of each whether it was not there.
        fn insert(
            &mut self,
            rows: &[&NewRow],
            notify: bool,
        ) -> impl Future<Output = Result<Vec<bool>, StoreError>> + Send;

        /// The payload that is kept under a key.
        fn find(
            &mut self,
            key: &str,
            destination: &str,
        ) -> impl Future<Output = Result<Option<String>, StoreError>> + Send;

        /// Takes a row away that this transaction wrote.
        fn take_back(
            &mut self,
            row: &NewRow,
        ) -> impl Future<Output = Result<(), StoreError>> + Send;

        /// Makes the tables, or brings them up to date.
        fn migrate(&mut self) -> impl Future<Output = Result<(), StoreError>> + Send;
    }
}
