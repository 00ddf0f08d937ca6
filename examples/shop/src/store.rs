use std::{path::Path, time::Duration};

use anyhow::Context as _;
use sqlx::{
    Sqlite, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};

use crate::{Order, Session, User};

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS users (
        id TEXT PRIMARY KEY,
        email TEXT NOT NULL UNIQUE COLLATE NOCASE,
        name TEXT NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS sessions (
        token TEXT PRIMARY KEY,
        user_id TEXT NOT NULL REFERENCES users
    ) STRICT;
    CREATE TABLE IF NOT EXISTS orders (
        id TEXT PRIMARY KEY,
        user_id TEXT NOT NULL REFERENCES users,
        product TEXT NOT NULL,
        amount_cents INTEGER NOT NULL,
        placed_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
    ) STRICT;
";

/// A transaction of the shop's database: all that is written in it is kept once it is committed,
/// or nothing of it.
pub type Transaction = sqlx::Transaction<'static, Sqlite>;

/// The shop's own data in one SQLite file: users, sessions and orders. Clones share it.
#[derive(Clone, Debug)]
pub struct ShopStore(SqlitePool);

impl ShopStore {
    /// Opens the file, making it where there is none.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened or is no database.
    pub async fn open(path: &Path) -> anyhow::Result<Self> {
        let file = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full) // a commit is on the disk
            .busy_timeout(Duration::from_secs(10));
        let problem = || format!("cannot open the shop's data in {}", path.display());
        let pool = SqlitePool::connect_with(file).await;
        let pool = pool.with_context(problem)?;
        let made = sqlx::raw_sql(SCHEMA).execute(&pool).await;
        made.with_context(problem)?;
        Ok(Self(pool))
    }

    /// The connections to the file, for the outbox beside the orders.
    pub(crate) fn pool(&self) -> SqlitePool {
        self.0.clone()
    }

    /// Begins a transaction. Dropped without a commit, it leaves nothing behind.
    ///
    /// # Errors
    ///
    /// When the database fails, or another transaction takes longer than ten seconds.
    pub async fn begin(&self) -> anyhow::Result<Transaction> {
        // From its beginning on it is the only one that writes, so that it cannot fail half-way.
        Ok(self.0.begin_with("BEGIN IMMEDIATE").await?)
    }

    /// The user whose session this is.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn user(&self, session: Session) -> anyhow::Result<Option<User>> {
        let user = sqlx::query_as(
            "SELECT users.id, email, name FROM sessions
             JOIN users ON users.id = user_id WHERE token = ?1",
        );
        let user = user.bind(session.token()).fetch_optional(&self.0).await?;
        Ok(user.map(User::of))
    }

    /// The order with this ID, where it is this user's.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn order(&self, user: &User, id: String) -> anyhow::Result<Option<Order>> {
        let order = sqlx::query_as(
            "SELECT id, product, amount_cents, placed_at FROM orders
             WHERE id = ?1 AND user_id = ?2",
        );
        let order = order
            .bind(id)
            .bind(&user.id)
            .fetch_optional(&self.0)
            .await?;
        Ok(order.map(Order::of))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{NewUser, PRODUCTS, SignedUp};

    async fn store() -> (ShopStore, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let store = ShopStore::open(&folder.path().join("shop.db")).await;
        (store.unwrap(), folder)
    }

    async fn sign_up(store: &ShopStore, name: &str, email: &str) -> SignedUp {
        let person = NewUser {
            name: name.to_owned(),
            email: email.to_owned(),
        };
        let mut tx = store.begin().await.unwrap();
        let signed_up = person.sign_up(&mut tx).await.unwrap();
        tx.commit().await.unwrap();
        signed_up
    }

    #[tokio::test]
    async fn signing_up_twice_is_one_user() {
        let (store, _folder) = store().await;
        let first = sign_up(&store, "Grace", "grace@example.com").await;
        let second = sign_up(&store, "G. Hopper", "Grace@Example.com").await;

        assert!(first.is_new && !second.is_new);
        assert_eq!(first.user, second.user);
        assert_ne!(first.session, second.session);
        for session in [first.session, second.session] {
            let user = store.user(session).await.unwrap();
            assert_eq!(user.as_ref(), Some(&first.user));
        }
        assert_eq!(store.user(Session::new()).await.unwrap(), None);
    }

    #[tokio::test]
    async fn an_order_belongs_to_its_user() {
        let (store, _folder) = store().await;
        let grace = sign_up(&store, "Grace", "grace@example.com").await.user;
        let alan = sign_up(&store, "Alan", "alan@example.com").await.user;

        let mut tx = store.begin().await.unwrap();
        let order = Order::place(&mut tx, &grace, &PRODUCTS[0]).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(order.total(), "49.00 USD");
        let found = store.order(&grace, order.id.clone()).await.unwrap();
        assert_eq!(found.as_ref(), Some(&order));
        assert_eq!(store.order(&alan, order.id).await.unwrap(), None);
    }

    #[tokio::test]
    async fn what_is_not_committed_is_not_there() {
        let (store, _folder) = store().await;
        let grace = sign_up(&store, "Grace", "grace@example.com").await.user;
        let mut tx = store.begin().await.unwrap();
        let order = Order::place(&mut tx, &grace, &PRODUCTS[0]).await.unwrap();
        drop(tx);
        assert_eq!(store.order(&grace, order.id).await.unwrap(), None);
    }

    #[tokio::test]
    async fn data_outlives_a_restart() {
        let (store, folder) = store().await;
        let signed_up = sign_up(&store, "Grace", "grace@example.com").await;
        let mut tx = store.begin().await.unwrap();
        let order = Order::place(&mut tx, &signed_up.user, &PRODUCTS[1]).await;
        tx.commit().await.unwrap();
        drop(store);

        let store = ShopStore::open(&folder.path().join("shop.db")).await;
        let store = store.unwrap();
        let user = store.user(signed_up.session).await.unwrap().unwrap();
        let order = order.unwrap();
        let found = store.order(&user, order.id.clone()).await.unwrap();
        assert_eq!(found, Some(order));
    }
}
