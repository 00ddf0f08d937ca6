//! What SQLite alone has: a file of the outbox's own, a full disk, a busy database.

use std::{
    error::Error,
    future::{Future, poll_fn},
    task::Poll,
    time::Duration,
};

use futures_util::future::maybe_done;
use refport_outbox::{EnqueueError, Enqueued, Outbox, State};
use sqlx::{Connection, SqliteConnection, sqlite::SqlitePoolOptions};

use crate::{
    database::{Database, Kept},
    scripted::{Service, sale},
};

#[tokio::test]
async fn a_file_of_its_own_keeps_what_was_added() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("refport-outbox.db");
    let outbox = Outbox::open(&file).await.unwrap();
    let adds: Vec<_> = (0..200)
        .map(|number| {
            let outbox = outbox.clone();
            tokio::spawn(async move { outbox.sale(sale(&format!("inv_{number}"))).await })
        })
        .collect();
    for add in adds {
        assert_eq!(add.await.unwrap().unwrap(), Enqueued::New);
    }
    // Nothing is closed: as if the process were killed here.
    let service = Service::refport();
    let again = Outbox::open(&file).await.unwrap();
    assert_eq!(
        again.sale(sale("inv_0")).await.unwrap(),
        Enqueued::Duplicate
    );
    let mut worker = again.worker().deliver_to(service.clone()).build().unwrap();
    let report = worker.drain().await.unwrap();
    assert_eq!(
        (report.delivered, report.left(State::Delivered)),
        (200, 200)
    );
}

/// Who writes for others may be cancelled, at any point; they are written all the same.
#[tokio::test]
async fn a_cancelled_writer_takes_no_other_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = Outbox::open(folder.path().join("outbox.db")).await.unwrap();
    for polls in 0..40 {
        let mut first = Box::pin(maybe_done(outbox.sale(sale(&format!("first_{polls}")))));
        let mut second = Box::pin(maybe_done(outbox.sale(sale(&format!("second_{polls}")))));
        for _ in 0..polls {
            poll_fn(|context| {
                let _ = first.as_mut().poll(context);
                let _ = second.as_mut().poll(context);
                Poll::Ready(())
            })
            .await;
            tokio::task::yield_now().await;
        }
        drop(first);
        second.as_mut().await;
        let second = second.as_mut().take_output().unwrap().unwrap();
        assert!(
            matches!(second, Enqueued::New | Enqueued::Duplicate),
            "{second:?}"
        );
    }
    let service = Service::refport();
    let mut worker = outbox.worker().deliver_to(service.clone()).build().unwrap();
    worker.drain().await.unwrap();
    let counted = service.counted("invoiceId");
    let second = counted
        .iter()
        .filter(|id| id.as_str().unwrap().starts_with("second"));
    assert_eq!(second.count(), 40);
}

/// The application's connections are as they were.
#[tokio::test]
async fn the_applications_connections_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(folder.path().join("shop.db"))
        .create_if_missing(true)
        .synchronous(sqlx::sqlite::SqliteSynchronous::Extra)
        .foreign_keys(false);
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .connect_with(options)
        .await
        .unwrap();
    let seen = async || {
        let mut seen = Vec::new();
        for pragma in [
            "synchronous",
            "foreign_keys",
            "wal_autocheckpoint",
            "busy_timeout",
        ] {
            let sql = sqlx::AssertSqlSafe(format!("PRAGMA {pragma}"));
            let value: i64 = sqlx::query_scalar(sql).fetch_one(&pool).await.unwrap();
            seen.push(value);
        }
        let mode: String = sqlx::query_scalar("PRAGMA journal_mode")
            .fetch_one(&pool)
            .await
            .unwrap();
        (seen, mode)
    };
    let before = seen().await;
    let outbox = Outbox::new(pool.clone());
    outbox.migrate().await.unwrap();
    let _ = outbox.sale(sale("inv_1")).await.unwrap();
    let service = Service::refport();
    let mut worker = outbox.worker().deliver_to(service).build().unwrap();
    assert_eq!(
        worker.drain().await.unwrap().delivered,
        1,
        "one connection is enough"
    );
    assert_eq!(seen().await, before);
}

#[tokio::test]
async fn a_full_disk_fails_the_transaction_and_leaves_nothing() {
    let database = Database::sqlite().await;
    let outbox = database.outbox();
    let Kept::Folder(folder) = &database.kept else {
        unreachable!("SQLite is in a folder")
    };
    let file = folder.path().join(&database.name);
    let mut connection = SqliteConnection::connect(&format!("sqlite:{}", file.display()))
        .await
        .unwrap();
    let pages: i64 = sqlx::query_scalar("PRAGMA page_count")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    let limit = sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {}", pages + 3));
    sqlx::query(limit).fetch_one(&mut connection).await.unwrap();

    let mut written = 0;
    let error = loop {
        let invoice = format!("inv_{written}");
        let mut tx = connection.begin_with("BEGIN IMMEDIATE").await.unwrap();
        let order = sqlx::query("INSERT INTO orders (id) VALUES (?1)").bind(&invoice);
        order.execute(&mut *tx).await.unwrap();
        let sale = sale(&invoice).metadata(serde_json::json!({ "note": "x".repeat(1000) }));
        match outbox.enqueue(&mut *tx, sale).await {
            Ok(enqueued) => assert_eq!(enqueued, Enqueued::New),
            Err(error) => break error,
        }
        tx.commit().await.unwrap();
        written += 1;
    };
    assert!(matches!(error, EnqueueError::Store(_)), "{error:?}");
    let mut chain = vec![error.to_string()];
    let mut source = error.source();
    while let Some(cause) = source {
        chain.push(cause.to_string());
        source = cause.source();
    }
    assert!(
        chain.iter().any(|cause| cause.contains("full")),
        "{chain:?}"
    );
    assert_eq!(
        database.number("SELECT count(*) FROM orders").await,
        written
    );
    let counts = outbox.counts().await.unwrap();
    let kept: u64 = counts.iter().map(|count| count.events).sum();
    assert_eq!(i64::try_from(kept), Ok(written), "as many as orders");
}

/// Another process writes for so long that the worker cannot.
#[tokio::test]
async fn a_busy_database_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(folder.path().join("shop.db"))
        .create_if_missing(true)
        .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal)
        .busy_timeout(Duration::ZERO);
    let pool = SqlitePoolOptions::new()
        .connect_with(options)
        .await
        .unwrap();
    let (outbox, service) = (Outbox::new(pool.clone()), Service::refport());
    outbox.migrate().await.unwrap();
    let _ = outbox.sale(sale("inv_1")).await.unwrap();
    let mut worker = outbox.worker().deliver_to(service.clone()).build().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let busy = pool.begin_with("BEGIN IMMEDIATE").await.unwrap();
    assert!(outbox.sale(sale("inv_2")).await.is_err());
    let run = worker.run(async { drop(stopped.await) });
    let test = async {
        tokio::task::yield_now().await;
        assert_eq!(service.calls(), 0);
        busy.rollback().await.unwrap();
        service.has_calls(1).await;
        drop(stop);
    };
    let (report, ()) = tokio::join!(run, test);
    assert_eq!(report.unwrap().delivered, 1);
}
