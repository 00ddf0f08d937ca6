//! Whose database it is, and how old.

use refport_server::Store;

use crate::{
    database::{Database, On},
    harness::Harness,
};

fn open_error(database: &Database) -> String {
    Store::open(&database.url()).unwrap_err().to_string()
}

pub(crate) async fn another_programs_database_is_left_alone(on: On) {
    let database = Database::new(on);
    database.execute("CREATE TABLE orders (id BIGINT PRIMARY KEY)");
    let error = open_error(&database);
    assert!(error.contains("belongs to another program"), "{error}");
    let tables = match on {
        On::Sqlite => "SELECT name FROM sqlite_schema WHERE type = 'table'",
        On::Postgres => {
            "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'"
        }
    };
    let left = database.query(tables);
    assert_eq!(left, [serde_json::json!({ "name": "orders" })]);
}

pub(crate) async fn a_newer_schema_is_refused(on: On) {
    let server = Harness::new(on);
    server.database.execute(match on {
        On::Sqlite => "PRAGMA user_version = 99",
        On::Postgres => "INSERT INTO refport_schema VALUES (99)",
    });
    let error = open_error(&server.database);
    assert!(
        error.contains("newer version of refport-server (schema 99)"),
        "{error}"
    );
}

pub(crate) async fn a_server_that_shall_not_migrate_says_so(on: On) {
    let database = Database::new(on);
    if on == On::Sqlite {
        database.execute("VACUUM");
    }
    let error = Store::open_migrated(&database.url())
        .unwrap_err()
        .to_string();
    assert!(error.contains("refport-server migrate"), "{error}");
    drop(Store::open(&database.url()).unwrap());
    assert!(Store::open_migrated(&database.url()).is_ok());
}

pub(crate) async fn servers_that_start_at_once_make_the_tables_once(on: On) {
    let database = Database::new(on);
    let url = database.url();
    let opened = std::thread::scope(|scope| {
        let starting: Vec<_> = (0..4).map(|_| scope.spawn(|| Store::open(&url))).collect();
        let opened = starting.into_iter().map(|thread| thread.join().unwrap());
        opened.collect::<Result<Vec<_>, _>>().unwrap()
    });
    assert!(!opened[0].is_initialised().unwrap());
    opened[1].init().unwrap();
    assert!(opened[3].is_initialised().unwrap());
}

/// The same columns on both, in the same order.
#[test]
fn both_databases_have_the_same_tables() {
    if On::postgres().is_none() {
        return;
    }
    let columns = |on: On| {
        let server = Harness::new(on);
        let sql = match on {
            On::Sqlite => {
                "SELECT t.name AS t, c.name AS c, c.\"notnull\" OR c.pk > 0 AS required
                 FROM sqlite_schema t, pragma_table_info(t.name) c WHERE t.type = 'table'
                 ORDER BY t.name, c.cid"
            }
            On::Postgres => {
                "SELECT table_name AS t, column_name AS c,
                        CASE is_nullable WHEN 'NO' THEN 1 ELSE 0 END AS required
                 FROM information_schema.columns
                 WHERE table_schema = 'public' AND table_name NOT IN ('refport_schema', 'address')
                 ORDER BY table_name, ordinal_position"
            }
        };
        server.database.query(sql)
    };
    let (sqlite, postgres) = (columns(On::Sqlite), columns(On::Postgres));
    assert!(sqlite.len() > 100, "{}", sqlite.len());
    assert_eq!(sqlite, postgres);
}
