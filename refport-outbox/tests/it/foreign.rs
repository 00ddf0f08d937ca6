//! Teams whose driver is not sqlx write the row themselves.

use refport_outbox::{
    Enqueued, Event,
    refport_core::{Sale, Timestamp},
};

use crate::{
    database::{Database, HOUR, Kept},
    scripted::{Service, click},
};

/// As the front page shows it.
const README: &str = include_str!("../../README.md");

/// The statement of the front page, with the placeholders of a driver.
fn statement(placeholders: [&str; 3]) -> String {
    let shown = "INSERT INTO refport_outbox_events (key, destination, payload)
VALUES ($1, $2, $3)
ON CONFLICT DO NOTHING";
    assert!(
        README.contains(shown),
        "the front page has another statement"
    );
    let mut statement = shown.to_owned();
    for (number, placeholder) in (1..).zip(placeholders) {
        statement = statement.replace(&format!("${number}"), placeholder);
    }
    statement
}

const KEY: &str = "sale:inv_001";

/// The payload of the front page.
fn payload() -> &'static str {
    let after = README
        .split("```json\n")
        .nth(1)
        .expect("the front page shows a payload");
    after.split("```").next().unwrap().trim()
}

/// What the front page's payload says.
fn shown() -> Sale {
    Sale::new(click(), "user_001", 4900)
        .currency("usd")
        .invoice_id("inv_001")
}

/// Two rows were written and one of them rolled back; whoever enqueues the same meets it.
async fn is_delivered_once(database: &Database) {
    assert_eq!(Event::from_payload(payload()).unwrap(), shown().into());
    let (outbox, service) = (database.outbox(), Service::refport());
    let again = outbox.sale(shown()).await.unwrap();
    assert_eq!(
        again,
        Enqueued::Duplicate,
        "other spaces and order, the same event"
    );
    // The row has the database's own time.
    database.pass(100 * 365 * 24 * HOUR);
    let mut worker = outbox.worker().deliver_to(service.clone()).build().unwrap();
    assert_eq!(worker.drain().await.unwrap().delivered, 1);
    assert_eq!(outbox.sale(shown()).await.unwrap(), Enqueued::Duplicate);
    assert_eq!(service.counted("invoiceId"), ["inv_001"]);
    // It happened when the row was written, by the clock of the database.
    let [time] = service.counted("occurredAt").try_into().unwrap();
    let time: Timestamp = serde_json::from_value(time).unwrap();
    let age = Timestamp::now().as_millis() - time.as_millis();
    assert!((-1000..HOUR).contains(&age), "{time}");
}

#[tokio::test]
async fn rusqlite_writes_the_row() {
    let database = Database::sqlite().await;
    let Kept::Folder(folder) = &database.kept else {
        unreachable!("SQLite is in a folder")
    };
    let mut connection = rusqlite::Connection::open(folder.path().join(&database.name)).unwrap();
    let insert = statement(["?1", "?2", "?3"]);
    for (commits, key, written) in [(false, "sale:other", 1), (true, KEY, 1), (true, KEY, 0)] {
        let transaction = connection.transaction().unwrap();
        let rows = transaction.execute(&insert, (key, "refport", payload()));
        assert_eq!(rows, Ok(written));
        if commits {
            transaction.commit().unwrap();
        }
    }
    is_delivered_once(&database).await;
    // After the delivery the key is known.
    assert_eq!(
        connection.execute(&insert, (KEY, "refport", payload())),
        Ok(0)
    );
    let service = Service::refport();
    let mut worker = database
        .outbox()
        .worker()
        .deliver_to(service.clone())
        .build()
        .unwrap();
    assert_eq!(worker.drain().await.unwrap().delivered, 0);
    assert_eq!(service.calls(), 0);
}

#[tokio::test]
async fn tokio_postgres_writes_the_row() {
    let Some(database) = Database::postgres().await else {
        return;
    };
    let Kept::Cluster(cluster) = &database.kept else {
        unreachable!("Postgres is on a cluster")
    };
    let mut config = tokio_postgres::Config::new();
    config
        .host_path(cluster.socket())
        .user("postgres")
        .dbname(&database.name);
    let (mut client, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    let insert = statement(["$1", "$2", "$3"]);
    for (commits, key, written) in [(false, "sale:other", 1), (true, KEY, 1), (true, KEY, 0)] {
        let transaction = client.transaction().await.unwrap();
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 3] =
            [&key, &"refport", &payload()];
        assert_eq!(
            transaction.execute(&insert, &values).await.unwrap(),
            written
        );
        if commits {
            transaction.commit().await.unwrap();
        }
    }
    is_delivered_once(&database).await;
    drop(client);
    connection.await.unwrap().unwrap();
}
