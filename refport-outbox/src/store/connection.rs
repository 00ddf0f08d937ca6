use refport_core::track::Transaction;

use crate::{Entry, Outbox};

/// A connection on which an outbox can enqueue: `SqliteConnection` and `PgConnection` of sqlx 0.9.
///
/// A transaction gives it as `&mut *tx`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no connection that an outbox can enqueue on",
    label = "not the connection of a transaction",
    note = "pass `&mut *tx`, where `tx` is a transaction of sqlx 0.9 (`refport_outbox::sqlx`), on a \
            database whose feature, `sqlite` or `postgres`, is on"
)]
pub trait Connection: sealed::Connection + Transaction<Outbox, Entry = Entry> {}

impl<C: sealed::Connection + Transaction<Outbox, Entry = Entry>> Connection for C {}

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
