//! Making the tables, on both databases.

use refport_outbox::{Enqueued, StoreError};

use crate::{
    database::Database,
    scripted::{Service, sale},
};

pub(crate) async fn migrations_are_our_own_and_can_meet(database: Database) {
    let outbox = database.outbox();
    // Of the application itself, under the usual name.
    let theirs = "CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY)";
    database.execute(theirs).await;
    database
        .execute("INSERT INTO _sqlx_migrations VALUES (20260101)")
        .await;
    let (one, other) = tokio::join!(outbox.migrate(), outbox.migrate());
    one.unwrap();
    other.unwrap();
    assert_eq!(
        database
            .number("SELECT count(*) FROM _sqlx_migrations")
            .await,
        1
    );
    assert_eq!(
        database
            .number("SELECT count(*) FROM refport_outbox_migrations")
            .await,
        1
    );

    database
        .execute("UPDATE refport_outbox_migrations SET version = 9999")
        .await;
    let error: StoreError = outbox.migrate().await.unwrap_err();
    assert!(error.to_string().contains("newer version"), "{error}");
}

pub(crate) async fn two_processes_may_make_the_tables_at_once(database: Database) {
    database.drop_tables().await;
    let outbox = database.outbox();
    let (one, other) = tokio::join!(outbox.migrate(), outbox.migrate());
    one.unwrap();
    other.unwrap();
    assert_eq!(outbox.sale(sale("inv_1")).await.unwrap(), Enqueued::New);
}

pub(crate) async fn missing_tables_are_named(database: Database) {
    database.drop_tables().await;
    let outbox = database.outbox();
    let error = database
        .order(&outbox, "1", sale("inv_1"), false)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("Outbox::migrate"), "{error}");
    let mut worker = outbox
        .worker()
        .deliver_to(Service::refport())
        .build()
        .unwrap();
    let error = worker.run(std::future::pending()).await.unwrap_err();
    assert!(error.to_string().contains("Outbox::migrate"), "{error}");
}
