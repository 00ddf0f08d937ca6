use std::time::Duration;

use anyhow::{bail, ensure};
use refport_outbox::{
    Enqueued, Outbox,
    refport_core::{ClickId, Sale},
};
use sqlx::{
    Database as Driver, Executor, IntoArguments, PgPool, SqlitePool, Transaction,
    postgres::PgPoolOptions,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::time::sleep;

/// The shop's own database: its orders, and the outbox beside them.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    pool: Pool,
    outbox: Outbox,
}

#[derive(Clone, Debug)]
enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// An order. Its ID is the sale's invoice ID, and each has a customer of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) id: String,
    pub(crate) customer: String,
    /// In cents.
    pub(crate) amount: i64,
}

/// How a transaction ends, if it is not killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Commit,
    RollBack,
}

impl Ending {
    /// As in the journal.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Commit => "committed",
            Self::RollBack => "rolled-back",
        }
    }
}

const CREATE: &str = "CREATE TABLE IF NOT EXISTS orders
    (id TEXT PRIMARY KEY, customer TEXT NOT NULL, amount BIGINT NOT NULL)";
const INSERT: &str = "INSERT INTO orders (id, customer, amount) VALUES ($1, $2, $3)";
const SELECT: &str = "SELECT id, customer, amount FROM orders";

impl Database {
    /// Opens `sqlite:///…` or `postgres://…`, and makes the tables where they are missing: what a
    /// shop does at each start.
    pub(crate) async fn open(url: &str) -> anyhow::Result<Self> {
        const CONNECTIONS: u32 = 8;
        let pool = if let Some(path) = url.strip_prefix("sqlite://") {
            let options = SqliteConnectOptions::new()
                .filename(path)
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
                .busy_timeout(Duration::from_secs(30));
            let pool = SqlitePoolOptions::new().max_connections(CONNECTIONS);
            Pool::Sqlite(pool.connect_with(options).await?)
        } else {
            let pool = PgPoolOptions::new().max_connections(CONNECTIONS);
            Pool::Postgres(pool.connect(url).await?)
        };
        let outbox = match &pool {
            Pool::Sqlite(pool) => Outbox::new(pool.clone()),
            Pool::Postgres(pool) => Outbox::new(pool.clone()),
        };
        outbox.migrate().await?;
        let made = match &pool {
            Pool::Sqlite(pool) => sqlx::query(CREATE).execute(pool).await.err(),
            Pool::Postgres(pool) => sqlx::query(CREATE).execute(pool).await.err(),
        };
        match made {
            None => Ok(Self { pool, outbox }),
            Some(error) => Err(error.into()),
        }
    }

    pub(crate) const fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// The order and its sale in one transaction, which is held open for `pause` before its end.
    pub(crate) async fn place(
        &self,
        order: &Order,
        click_id: ClickId,
        pause: Duration,
        ending: Ending,
    ) -> anyhow::Result<()> {
        match &self.pool {
            Pool::Sqlite(pool) => {
                let mut tx = pool.begin_with("BEGIN IMMEDIATE").await?;
                insert(&mut *tx, order).await?;
                let enqueued = self.outbox.enqueue(&mut *tx, sale(order, click_id)).await;
                sleep(pause).await;
                end(tx, enqueued?, ending).await
            }
            Pool::Postgres(pool) => {
                let mut tx = pool.begin().await?;
                insert(&mut *tx, order).await?;
                let enqueued = self.outbox.enqueue(&mut *tx, sale(order, click_id)).await;
                sleep(pause).await;
                end(tx, enqueued?, ending).await
            }
        }
    }

    /// Every order that is committed.
    pub(crate) async fn orders(&self) -> anyhow::Result<Vec<Order>> {
        let rows: Vec<(String, String, i64)> = match &self.pool {
            Pool::Sqlite(pool) => sqlx::query_as(SELECT).fetch_all(pool).await?,
            Pool::Postgres(pool) => sqlx::query_as(SELECT).fetch_all(pool).await?,
        };
        let orders = rows.into_iter().map(|(id, customer, amount)| Order {
            id,
            customer,
            amount,
        });
        Ok(orders.collect())
    }

    /// How many events were claimed more than once. On SQLite: taken over from a dead worker, given
    /// back, or tried again. On Postgres, where the attempts are counted, without those that were given
    /// back, as that takes none.
    pub(crate) async fn claimed_again(&self) -> anyhow::Result<i64> {
        const SQLITE: &str = "SELECT count(*) FROM refport_outbox_deliveries WHERE fence > 1";
        const POSTGRES: &str = "SELECT count(*) FROM (
                SELECT attempts FROM refport_outbox_waiting
                UNION ALL SELECT attempts FROM refport_outbox_leased
                UNION ALL SELECT attempts FROM refport_outbox_delivered
                UNION ALL SELECT attempts FROM refport_outbox_dead) AS events
            WHERE attempts > 1";
        Ok(match &self.pool {
            Pool::Sqlite(pool) => sqlx::query_scalar(SQLITE).fetch_one(pool).await?,
            Pool::Postgres(pool) => sqlx::query_scalar(POSTGRES).fetch_one(pool).await?,
        })
    }
}

fn sale(order: &Order, click_id: ClickId) -> Sale {
    Sale::new(click_id, &order.customer, order.amount).invoice_id(&order.id)
}

async fn insert<'c, D>(
    connection: impl Executor<'c, Database = D>,
    order: &Order,
) -> sqlx::Result<()>
where
    D: Driver,
    D::Arguments: IntoArguments<D>,
    for<'a> &'a str: sqlx::Encode<'a, D> + sqlx::Type<D>,
    for<'a> i64: sqlx::Encode<'a, D> + sqlx::Type<D>,
{
    let query = sqlx::query(INSERT)
        .bind(order.id.as_str())
        .bind(order.customer.as_str())
        .bind(order.amount);
    query.execute(connection).await?;
    Ok(())
}

async fn end<D: Driver>(
    tx: Transaction<'_, D>,
    enqueued: Enqueued,
    ending: Ending,
) -> anyhow::Result<()> {
    ensure!(
        enqueued == Enqueued::New,
        "a new order's sale is not new: {enqueued:?}"
    );
    match ending {
        Ending::Commit => tx.commit().await?,
        Ending::RollBack => tx.rollback().await?,
    }
    Ok(())
}

/// The states of an outbox that matter at the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct States {
    /// Still to be delivered.
    pub(crate) open: u64,
    pub(crate) delivered: u64,
    pub(crate) dead: u64,
}

impl Database {
    pub(crate) async fn states(&self) -> anyhow::Result<States> {
        use refport_outbox::State;
        let mut states = States::default();
        for count in self.outbox.counts().await? {
            match count.state {
                State::Waiting | State::Leased => states.open += count.events,
                State::Delivered => states.delivered += count.events,
                State::Dead => states.dead += count.events,
                other => bail!("an event is {other}"),
            }
        }
        Ok(states)
    }
}
