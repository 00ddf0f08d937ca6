use std::{str::FromStr, time::Duration};

use anyhow::{Context, bail};
use refport_outbox::{Outbox, sqlx};
use sqlx::{
    ConnectOptions, Connection, PgConnection, PgPool, SqlitePool,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions},
};
use tokio::time::timeout;
use url::Url;

use crate::failure::Usage;

/// For the claims, the marks and the notices of a worker; other commands need one.
const CONNECTIONS: u32 = 4;
/// How long a database may take to answer at the start, and SQLite's lock to be free.
const PATIENCE: Duration = Duration::from_secs(10);

/// What becomes of an SQLite file that is not there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    IsMade,
    IsAnError,
}

/// An outbox, and the pool of the file that it is in.
pub(crate) struct Database {
    pub(crate) outbox: Outbox,
    file: Option<SqlitePool>,
}

impl Database {
    /// The database of this URL. No error shows the URL, which may hold a password.
    pub(crate) async fn open(url: &str, missing: Missing) -> anyhow::Result<Self> {
        match url.split_once(':') {
            Some(("sqlite", _)) => {
                let pool = sqlite(url, missing).await?;
                Ok(Self {
                    outbox: Outbox::new(pool.clone()),
                    file: Some(pool),
                })
            }
            Some(("postgres" | "postgresql", _)) => Ok(Self {
                outbox: Outbox::new(postgres(url).await?),
                file: None,
            }),
            _ => Err(wrong("is neither sqlite:FILE nor postgres://USER@HOST/DATABASE").into()),
        }
    }

    /// So that an SQLite file is whole by itself, without one beside it.
    pub(crate) async fn close(self) {
        if let Some(pool) = self.file {
            pool.close().await;
        }
    }
}

fn wrong(what: &str) -> Usage {
    Usage(format!("--database {what}"))
}

async fn sqlite(url: &str, missing: Missing) -> anyhow::Result<SqlitePool> {
    let Ok(options) = SqliteConnectOptions::from_str(url) else {
        return Err(wrong("has an unknown parameter: give sqlite:FILE").into());
    };
    let file = options.clone().get_filename().to_owned();
    if url.contains("memory") && !file.exists() {
        return Err(wrong("is in memory, gone when the command ends: give sqlite:FILE").into());
    }
    let shown = file.display();
    let is_new = !file.exists();
    if is_new && missing == Missing::IsAnError {
        bail!(
            "there is no file {shown}: name the database's own in --database, or make one with \
             `refport-outbox migrate`"
        );
    }
    let mut options = options.create_if_missing(is_new).busy_timeout(PATIENCE);
    if is_new {
        // As `Outbox::open` makes it. How another's file is kept is the application's to say.
        options = options.journal_mode(SqliteJournalMode::Wal);
    }
    SqlitePoolOptions::new()
        .max_connections(CONNECTIONS)
        .connect_with(options)
        .await
        .with_context(|| format!("{shown} cannot be opened as an SQLite database"))
}

async fn postgres(url: &str) -> anyhow::Result<PgPool> {
    check_parameters(url)?;
    let Ok(options) = PgConnectOptions::from_str(url) else {
        return Err(wrong("is malformed: give postgres://USER:PASSWORD@HOST:PORT/DATABASE").into());
    };
    let place = options.get_socket().map_or_else(
        || format!("{}:{}", options.get_host(), options.get_port()),
        |socket| socket.display().to_string(),
    );
    // A pool would try for half a minute, and not say what was wrong.
    let first: PgConnection = timeout(PATIENCE, options.connect())
        .await
        .with_context(|| format!("Postgres at {place} does not answer"))?
        .with_context(|| format!("cannot connect to Postgres at {place}"))?;
    // It has answered: how it takes the farewell does not matter.
    let _ = first.close().await;
    Ok(PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .connect_lazy_with(options))
}

/// What sqlx does not know it would pass over, `sslmod=verify-full` too, and write it to the log.
fn check_parameters(url: &str) -> Result<(), Usage> {
    const KNOWN: [&str; 17] = [
        "application_name",
        "dbname",
        "host",
        "hostaddr",
        "options",
        "password",
        "port",
        "ssl-ca",
        "ssl-cert",
        "ssl-key",
        "ssl-mode",
        "ssl-root-cert",
        "sslcert",
        "sslkey",
        "sslmode",
        "sslrootcert",
        "statement-cache-capacity",
    ];
    let Ok(url) = Url::parse(url) else {
        return Ok(());
    };
    for (name, _) in url.query_pairs() {
        let is_known = KNOWN.contains(&&*name) || name == "user" || name.starts_with("options[");
        if !is_known {
            return Err(wrong(&format!(
                "has the parameter `{name}`, which is not known"
            )));
        }
    }
    Ok(())
}
