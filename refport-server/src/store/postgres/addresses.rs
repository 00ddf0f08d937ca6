//! E-mail addresses by which customers are looked for. An address is in no unique key, since people with
//! IDs of their own may share one; so whoever makes a customer by it compares a version of its own.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};
use sqlx::PgConnection;

use crate::{
    domain::{Event, NewCustomer, text},
    store::Result,
};

/// The versions that were read, of the addresses that have one.
#[derive(Debug, Default)]
pub(super) struct Addresses(BTreeMap<Address, i64>);

/// The workspace, and the address's hash.
type Address = (String, Vec<u8>);

fn address(workspace_id: &str, email_key: &str) -> Address {
    let hash = Sha256::digest(email_key);
    (workspace_id.to_owned(), hash.to_vec())
}

impl Addresses {
    /// Before the customers are loaded: what comes between changes the version.
    pub(super) async fn load(db: &mut PgConnection, events: &[&Event]) -> Result<Self> {
        let wanted: BTreeSet<Address> = events
            .iter()
            .filter_map(|event| {
                let report = event.report();
                let email = report.customer.email.as_deref()?;
                Some(address(&report.workspace_id, &text::email_key(email)))
            })
            .collect();
        if wanted.is_empty() {
            return Ok(Self::default());
        }
        let (workspaces, hashes): (Vec<String>, Vec<Vec<u8>>) = wanted.into_iter().unzip();
        let sql = "SELECT address.workspace_id, address.hash, address.version
                   FROM UNNEST($1::text[], $2::bytea[]) AS wanted (workspace_id, hash)
                   JOIN address ON address.workspace_id = wanted.workspace_id
                               AND address.hash = wanted.hash";
        let rows: Vec<(String, Vec<u8>, i64)> = sqlx::query_as(sql)
            .bind(workspaces)
            .bind(hashes)
            .fetch_all(&mut *db)
            .await?;
        let read = |(workspace_id, hash, version)| ((workspace_id, hash), version);
        Ok(Self(rows.into_iter().map(read).collect()))
    }

    /// Whether nobody has made a customer by one of the new customers' addresses meanwhile.
    pub(super) async fn claim(&self, db: &mut PgConnection, new: &[NewCustomer]) -> Result<bool> {
        let touched: BTreeSet<Address> = new
            .iter()
            .filter_map(|new| Some(address(&new.workspace_id, new.email_key.as_deref()?)))
            .collect();
        let (known, unknown): (Vec<_>, Vec<_>) = touched
            .into_iter()
            .map(|address| (self.0.get(&address).copied(), address))
            .partition(|(version, _)| version.is_some());
        insert(db, unknown).await?;
        update(db, known).await
    }
}

type Versioned = Vec<(Option<i64>, Address)>;

/// Another server's row breaks the unique rule, and the group is decided anew.
async fn insert(db: &mut PgConnection, unknown: Versioned) -> Result<()> {
    if unknown.is_empty() {
        return Ok(());
    }
    let (workspaces, hashes): (Vec<_>, Vec<_>) =
        unknown.into_iter().map(|(_, address)| address).unzip();
    let sql = "INSERT INTO address (workspace_id, hash, version)
               SELECT workspace_id, hash, 0 FROM UNNEST($1::text[], $2::bytea[]) AS new (workspace_id, hash)";
    sqlx::query(sql)
        .bind(workspaces)
        .bind(hashes)
        .execute(&mut *db)
        .await?;
    Ok(())
}

/// One by one: a customer is seldom made by an address that made one before, and rows that are locked in
/// one order do not end in a circle.
async fn update(db: &mut PgConnection, known: Versioned) -> Result<bool> {
    let sql = "UPDATE address SET version = version + 1
               WHERE workspace_id = $1 AND hash = $2 AND version = $3";
    for (version, (workspace_id, hash)) in known {
        let updated = sqlx::query(sql)
            .bind(workspace_id)
            .bind(hash)
            .bind(version)
            .execute(&mut *db)
            .await?;
        if updated.rows_affected() != 1 {
            return Ok(false);
        }
    }
    Ok(true)
}
