use std::{
    fmt,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Context as _;
use rusqlite::{Connection, OptionalExtension as _, Row, TransactionBehavior, params};

use crate::{
    catalog::{Product, dollars},
    random,
    session::Session,
    sign_up::NewUser,
};

const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA foreign_keys = ON;
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

/// The shop's own data in one SQLite file: users, sessions and orders. Clones share it.
#[derive(Clone, Debug)]
pub struct ShopStore(Arc<Mutex<Connection>>);

/// A customer of the shop.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// The ID, by which Refport knows the customer too.
    pub id: String,
    /// The e-mail address. Left out of `Debug`.
    pub email: String,
    /// The name. Left out of `Debug`.
    pub name: String,
}

/// What came of a sign-up.
#[derive(Clone, Debug)]
pub struct SignedUp {
    /// The user, made now or found by the e-mail address.
    pub user: User,
    /// Whether the user was made now.
    pub is_new: bool,
    /// The session that was started.
    pub session: Session,
}

/// An order that was placed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The ID, by which Refport knows the sale too.
    pub id: String,
    /// The product's name when it was bought.
    pub product: String,
    /// What was paid, in US cents.
    pub amount_cents: i64,
    /// When, in UTC, as in `2026-11-21 09:15:00`.
    pub placed_at: String,
}

impl Order {
    /// The total as people read it, as in `49.00 USD`.
    #[must_use]
    pub fn total(&self) -> String {
        dollars(self.amount_cents)
    }
}

impl ShopStore {
    /// Opens the file, making it where there is none.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened or is no database.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let connection = Connection::open(path)
            .and_then(|connection| connection.execute_batch(SCHEMA).map(|()| connection))
            .with_context(|| format!("cannot open the shop's data in {}", path.display()))?;
        Ok(Self(Arc::new(Mutex::new(connection))))
    }

    /// Makes the user, or finds the one with the same e-mail address, and starts a session.
    ///
    /// The address is believed as it is given: a real shop asks for a password or sends a letter.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn sign_up(&self, new_user: NewUser) -> anyhow::Result<SignedUp> {
        self.with(move |db| sign_up(db, &new_user)).await
    }

    /// The user whose session this is.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn user(&self, session: Session) -> anyhow::Result<Option<User>> {
        let sql = "SELECT users.id, email, name FROM sessions
                   JOIN users ON users.id = user_id WHERE token = ?1";
        self.with(move |db| db.query_row(sql, [session.token()], read_user).optional())
            .await
    }

    /// Places an order.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn place_order(&self, user: &User, product: &Product) -> anyhow::Result<Order> {
        let (user_id, name, cents) = (user.id.clone(), product.name, product.price_cents);
        let sql = "INSERT INTO orders (id, user_id, product, amount_cents) VALUES (?1, ?2, ?3, ?4)
                   RETURNING id, product, amount_cents, placed_at";
        self.with(move |db| {
            let id = format!("order_{}", random::text(20));
            db.query_row(sql, params![id, user_id, name, cents], read_order)
        })
        .await
    }

    /// The order with this ID, where it is this user's.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn order(&self, user: &User, id: String) -> anyhow::Result<Option<Order>> {
        let user_id = user.id.clone();
        let sql = "SELECT id, product, amount_cents, placed_at FROM orders
                   WHERE id = ?1 AND user_id = ?2";
        self.with(move |db| db.query_row(sql, [id, user_id], read_order).optional())
            .await
    }

    /// Does `work` off the async threads.
    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        let connection = Arc::clone(&self.0);
        let done = tokio::task::spawn_blocking(move || {
            work(&mut connection.lock().unwrap_or_else(PoisonError::into_inner))
        });
        done.await?.context("the shop's database failed")
    }
}

fn sign_up(db: &mut Connection, new_user: &NewUser) -> rusqlite::Result<SignedUp> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let added = transaction.execute(
        "INSERT INTO users (id, email, name) VALUES (?1, ?2, ?3) ON CONFLICT (email) DO NOTHING",
        params![
            format!("user_{}", random::text(20)),
            new_user.email,
            new_user.name
        ],
    )?;
    let user = transaction.query_row(
        "SELECT id, email, name FROM users WHERE email = ?1",
        [&new_user.email],
        read_user,
    )?;
    let session = Session::new();
    transaction.execute(
        "INSERT INTO sessions (token, user_id) VALUES (?1, ?2)",
        [session.token(), &user.id],
    )?;
    transaction.commit()?;
    Ok(SignedUp {
        user,
        is_new: added == 1,
        session,
    })
}

fn read_user(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User {
        id: row.get(0)?,
        email: row.get(1)?,
        name: row.get(2)?,
    })
}

fn read_order(row: &Row<'_>) -> rusqlite::Result<Order> {
    Ok(Order {
        id: row.get(0)?,
        product: row.get(1)?,
        amount_cents: row.get(2)?,
        placed_at: row.get(3)?,
    })
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::PRODUCTS;

    fn store() -> (ShopStore, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let store = ShopStore::open(&folder.path().join("shop.db")).unwrap();
        (store, folder)
    }

    fn person(name: &str, email: &str) -> NewUser {
        NewUser {
            name: name.to_owned(),
            email: email.to_owned(),
        }
    }

    #[tokio::test]
    async fn signing_up_twice_is_one_user() {
        let (store, _folder) = store();
        let grace = person("Grace", "grace@example.com");
        let first = store.sign_up(grace).await.unwrap();
        let again = person("G. Hopper", "Grace@Example.com");
        let second = store.sign_up(again).await.unwrap();

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
        let (store, _folder) = store();
        let grace = person("Grace", "grace@example.com");
        let grace = store.sign_up(grace).await.unwrap().user;
        let alan = person("Alan", "alan@example.com");
        let alan = store.sign_up(alan).await.unwrap().user;

        let order = store.place_order(&grace, &PRODUCTS[0]).await.unwrap();
        assert_eq!(order.total(), "49.00 USD");
        let found = store.order(&grace, order.id.clone()).await.unwrap();
        assert_eq!(found.as_ref(), Some(&order));
        assert_eq!(store.order(&alan, order.id).await.unwrap(), None);
    }

    #[tokio::test]
    async fn data_outlives_a_restart() {
        let (store, folder) = store();
        let grace = person("Grace", "grace@example.com");
        let signed_up = store.sign_up(grace).await.unwrap();
        let order = store
            .place_order(&signed_up.user, &PRODUCTS[1])
            .await
            .unwrap();
        drop(store);

        let store = ShopStore::open(&folder.path().join("shop.db")).unwrap();
        let user = store.user(signed_up.session).await.unwrap().unwrap();
        let found = store.order(&user, order.id.clone()).await.unwrap();
        assert_eq!(found, Some(order));
    }

    #[test]
    fn debug_hides_the_person() {
        let user = User {
            id: "user_1".to_owned(),
            email: "grace@example.com".to_owned(),
            name: "Grace".to_owned(),
        };
        let debug = format!("{user:?}");
        assert!(debug.contains("user_1"));
        assert!(
            !debug.contains("grace@") && !debug.contains("Grace"),
            "{debug}"
        );
    }
}
