//! The database under a test, to look inside and to let time pass.

use std::{
    env,
    sync::{Arc, Mutex, PoisonError, Weak, mpsc},
    thread,
};

use refport_test_cluster::{Cluster, Flushes};
use rusqlite::types::ValueRef;
use serde_json::{Map, Value, json};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row};
use tempfile::TempDir;

/// On which database a test runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum On {
    Sqlite,
    Postgres,
}

impl On {
    /// `None` where Postgres is not installed; in CI that is a failure.
    pub(crate) fn postgres() -> Option<Self> {
        shared_cluster().map(|_| Self::Postgres)
    }
}

#[derive(Debug)]
pub(crate) enum Database {
    Sqlite(TempDir),
    Postgres { cluster: Arc<Cluster>, name: String },
}

/// The cluster that tests share while any of them runs.
fn shared_cluster() -> Option<Arc<Cluster>> {
    static SHARED: Mutex<Weak<Cluster>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(cluster) = shared.upgrade() {
        return Some(cluster);
    }
    let Some(cluster) = Cluster::start(Flushes::Never).unwrap() else {
        assert!(
            env::var_os("CI").is_none(),
            "CI needs Debian's `postgresql`"
        );
        eprintln!("skipped: no Postgres under /usr/lib/postgresql");
        return None;
    };
    let cluster = Arc::new(cluster);
    *shared = Arc::downgrade(&cluster);
    Some(cluster)
}

impl Database {
    pub(crate) fn new(on: On) -> Self {
        match on {
            On::Sqlite => Self::Sqlite(tempfile::tempdir().unwrap()),
            On::Postgres => {
                let cluster = shared_cluster().expect("it was there a moment ago");
                let name = format!("refport_{}", uuid::Uuid::now_v7().simple());
                let sql = format!("CREATE DATABASE {name}");
                on_postgres(&cluster_url(&cluster, "postgres"), move |db| {
                    Box::pin(async move {
                        sqlx::query(AssertSqlSafe(sql)).execute(db).await.unwrap();
                    })
                });
                Self::Postgres { cluster, name }
            }
        }
    }

    /// The same database, for another server. Only Postgres' tests ask for one.
    pub(crate) fn shared(&self) -> Self {
        let Self::Postgres { cluster, name } = self else {
            panic!("this test is for Postgres");
        };
        Self::Postgres {
            cluster: Arc::clone(cluster),
            name: name.clone(),
        }
    }

    pub(crate) fn url(&self) -> String {
        match self {
            Self::Sqlite(folder) => {
                format!("sqlite://{}", folder.path().join("refport.db").display())
            }
            Self::Postgres { cluster, name } => cluster_url(cluster, name),
        }
    }

    /// A connection beside the server. Only SQLite's tests ask for one.
    pub(crate) fn sqlite(&self) -> rusqlite::Connection {
        let Self::Sqlite(folder) = self else {
            panic!("this test is for SQLite");
        };
        rusqlite::Connection::open(folder.path().join("refport.db")).unwrap()
    }

    /// Runs statements.
    pub(crate) fn execute(&self, sql: &str) {
        match self {
            Self::Sqlite(_) => self.sqlite().execute_batch(sql).unwrap(),
            Self::Postgres { .. } => {
                let sql = sql.to_owned();
                on_postgres(&self.url(), move |db| {
                    Box::pin(async move {
                        sqlx::raw_sql(AssertSqlSafe(sql)).execute(db).await.unwrap();
                    })
                });
            }
        }
    }

    /// A query's rows as JSON objects.
    pub(crate) fn query(&self, sql: &str) -> Vec<Value> {
        match self {
            Self::Sqlite(_) => {
                let db = self.sqlite();
                let mut statement = db.prepare(sql).unwrap();
                let names: Vec<String> = statement
                    .column_names()
                    .into_iter()
                    .map(str::to_owned)
                    .collect();
                let mut rows = statement.query([]).unwrap();
                let mut found = Vec::new();
                while let Some(row) = rows.next().unwrap() {
                    let columns = names
                        .iter()
                        .enumerate()
                        .map(|(index, name)| (name.clone(), json_of(row.get_ref(index).unwrap())));
                    found.push(Value::Object(columns.collect::<Map<_, _>>()));
                }
                found
            }
            Self::Postgres { .. } => {
                let sql = format!("SELECT row_to_json(t)::text FROM ({sql}) t");
                on_postgres(&self.url(), move |db| {
                    Box::pin(async move {
                        let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(db).await.unwrap();
                        let parse = |text: &str| serde_json::from_str(text).unwrap();
                        rows.iter().map(|row| parse(row.get(0))).collect()
                    })
                })
            }
        }
    }
}

/// A transaction beside the server that has run a statement, until it is dropped.
pub(crate) struct Held {
    release: Option<mpsc::SyncSender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Held {
    pub(crate) fn new(database: &Database, sql: &'static str) -> Self {
        let url = database.url();
        let (release, released) = mpsc::sync_channel::<()>(1);
        let (took, taken) = mpsc::sync_channel(1);
        let thread = thread::spawn(move || {
            on_postgres(&url, move |db| {
                Box::pin(async move {
                    let mut transaction = db.begin().await.unwrap();
                    sqlx::query(sql).execute(&mut *transaction).await.unwrap();
                    took.send(()).unwrap();
                    // An error is a release too.
                    let _ = released.recv();
                    transaction.rollback().await.unwrap();
                })
            });
        });
        taken.recv().unwrap();
        Self {
            release: Some(release),
            thread: Some(thread),
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.release.take());
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

fn json_of(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => json!(number),
        ValueRef::Real(number) => json!(number),
        ValueRef::Text(text) => json!(std::str::from_utf8(text).unwrap()),
        ValueRef::Blob(bytes) => json!(bytes.len()),
    }
}

fn cluster_url(cluster: &Cluster, database: &str) -> String {
    let socket = cluster.socket().display();
    format!("postgres://postgres@localhost/{database}?host={socket}")
}

type Work<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + 'a>>;

/// Runs `work` on a connection of its own, and blocks: a test asks in the middle of an expression.
fn on_postgres<T, W>(url: &str, work: W) -> T
where
    T: Send + 'static,
    W: for<'a> FnOnce(&'a mut PgConnection) -> Work<'a, T> + Send + 'static,
{
    let url = url.to_owned();
    let thread = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async move {
            let mut db = PgConnection::connect(&url).await.unwrap();
            let result = work(&mut db).await;
            db.close().await.unwrap();
            result
        })
    });
    thread.join().unwrap()
}
