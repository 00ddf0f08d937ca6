//! The pool and the runtime that a worker shares with its application.

use std::time::Duration;

use refport_outbox::Outbox;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use tokio::{sync::oneshot, task::spawn_blocking, time::timeout};

use crate::{
    database::{Database, Pool},
    scripted::{Does, Service, enqueue, sale},
    trouble::{build, worker},
};

/// Also where the worker has kept a connection for its next turn.
#[tokio::test]
async fn a_pool_closes_while_a_worker_runs() {
    for does in [Does::Takes, Does::IsGone] {
        let database = Database::sqlite().await;
        let (outbox, service) = (database.outbox(), Service::refport());
        let Pool::Sqlite(pool) = database.pool.clone() else {
            unreachable!("it is SQLite")
        };
        service.always(does);
        let _ = outbox.sale(sale("inv_1")).await.unwrap();
        // What it can mark no more, it gives up soon.
        let mut worker = build(worker(&outbox, &service).stop_within(Duration::ZERO));
        let (stop, stopped) = oneshot::channel::<()>();
        let run = tokio::spawn(async move {
            // On a closed pool it may well end with an error.
            let _ = worker.run(async { drop(stopped.await) }).await;
        });
        while service.calls() == 0 {
            tokio::task::yield_now().await;
        }
        let closed = timeout(Duration::from_secs(60), pool.close()).await;
        assert!(closed.is_ok(), "the pool waits for the worker");
        drop(stop);
        let ended = timeout(Duration::from_secs(60), run).await;
        assert!(ended.is_ok(), "the worker waits for the pool");
    }
}

/// While a destination is held, all connections are the application's.
#[tokio::test]
async fn a_worker_that_holds_back_keeps_no_connection() {
    let database = Database::sqlite().await;
    let (outbox, service) = (database.outbox(), Service::refport());
    let Pool::Sqlite(pool) = database.pool.clone() else {
        unreachable!("it is SQLite")
    };
    service.always(Does::IsGone);
    let _ = outbox.sale(sale("inv_1")).await.unwrap();
    let mut worker = build(worker(&outbox, &service));
    let all = async {
        while outbox.paused().await.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        let mut connections = Vec::new();
        for _ in 0..pool.options().get_max_connections() {
            connections.push(pool.acquire().await.unwrap());
        }
    };
    tokio::select! {
        _ = worker.run(std::future::pending()) => unreachable!("nobody stops it"),
        all = timeout(Duration::from_secs(60), all) => assert!(all.is_ok()),
    }
}

/// Leases last from when they were taken, and reading waits for no thread.
#[test]
fn other_work_on_the_blocking_threads_costs_no_lease() {
    const EVENTS: usize = 1000;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let (done, is_done) = std::sync::mpsc::sync_channel::<()>(0);
    runtime.block_on(async {
        let database = Database::sqlite().await;
        let (outbox, service) = (database.outbox(), Service::refport());
        enqueue(
            &outbox,
            (0..EVENTS).map(|number| format!("inv_{number:04}")),
        )
        .await;
        let mut worker = build(worker(&outbox, &service));
        // The only one, until the worker is done.
        drop(spawn_blocking(move || is_done.recv().is_ok()));
        let report = timeout(Duration::from_secs(60), worker.drain()).await;
        drop(done);
        let report = report.expect("reading waits for no thread").unwrap();
        assert_eq!((report.delivered, report.lost), (EVENTS as u64, 0));
    });
}

/// SQLite stores what a program asks for at a database's beginning.
#[tokio::test]
async fn a_database_in_another_encoding_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let options = SqliteConnectOptions::new()
        .filename(folder.path().join("shop.db"))
        .create_if_missing(true)
        .pragma("encoding", "'UTF-16'");
    let pool = SqlitePoolOptions::new()
        .connect_with(options)
        .await
        .unwrap();
    let error = Outbox::new(pool).migrate().await.unwrap_err().to_string();
    assert!(error.contains("UTF-16le, UTF-8 is needed"), "{error}");
}
