//! What the owner sets up: workspace, program, partners, groups, rewards, API keys.
//!
//! These calls block for the time of a disk write; call them at start-up, from the command line, or
//! through [`Store::run`].

use refport_core::Timestamp;
use rusqlite::{
    Connection, ErrorCode, OptionalExtension, Row, Transaction, TransactionBehavior, params,
};
use serde::Serialize;
use url::Url;

use super::{Result, Store, StoreError};
use crate::{
    attribution::{Amount, Interval, Reward},
    id::{self, Prefix},
    key::NewKey,
};

/// A transaction that takes the write lock at once. SQLite's default waits until the first write,
/// and then fails at once where another has written meanwhile.
pub(super) fn begin(connection: &mut Connection) -> rusqlite::Result<Transaction<'_>> {
    connection.transaction_with_behavior(TransactionBehavior::Immediate)
}

/// What [`Store::init`] made.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Setup {
    /// The API key. Only its hash is kept, so this is the one time to see it. Left out of `Debug`.
    pub api_key: String,
    /// The program's ID.
    pub program_id: String,
}

impl std::fmt::Debug for Setup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Setup")
            .field("program_id", &self.program_id)
            .finish_non_exhaustive()
    }
}

/// A partner to add, with a link.
#[derive(Clone)]
#[must_use]
pub struct NewPartner {
    email: String,
    name: Option<String>,
    key: Option<String>,
    destination: Option<String>,
    group: Option<String>,
    tenant_id: Option<String>,
}

impl NewPartner {
    /// A partner with this e-mail address and name.
    pub fn new(email: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            name: Some(name.into()),
            ..Self::unnamed(email)
        }
    }

    pub(crate) fn unnamed(email: impl Into<String>) -> Self {
        Self {
            email: email.into(),
            name: None,
            key: None,
            destination: None,
            group: None,
            tenant_id: None,
        }
    }

    /// The link's key: `demo` makes `/r/demo`. Default: eight random letters and digits.
    ///
    /// 1 to 100 letters, digits, `-` and `_`.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Where the link leads, an `http` or `https` URL. Default: where the program's first link
    /// leads; without one the partner gets no link.
    pub fn destination(mut self, url: impl Into<String>) -> Self {
        self.destination = Some(url.into());
        self
    }

    /// The group whose rewards the partner earns, by its name.
    pub fn group(mut self, name: impl Into<String>) -> Self {
        self.group = Some(name.into());
        self
    }

    pub(crate) fn tenant_id(mut self, tenant_id: Option<String>) -> Self {
        self.tenant_id = tenant_id;
        self
    }

    pub(crate) fn name_if_given(mut self, name: Option<String>) -> Self {
        self.name = name;
        self
    }
}

impl std::fmt::Debug for NewPartner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewPartner")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// A partner that was added.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Partner {
    /// The partner's ID.
    pub partner_id: String,
    /// The key of their link, where they have one.
    pub link_key: Option<String>,
}

/// A group that was added.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Group {
    /// The group's ID.
    pub group_id: String,
}

/// Whose reward is set.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum RewardTarget {
    /// The program's, for sales of partners whose group has none.
    Program,
    /// A group's for sales, by the group's name.
    GroupSale(String),
    /// A group's for leads, by the group's name: a flat sum, paid once a customer.
    GroupLead(String),
}

impl Store {
    /// Whether there is a workspace.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn is_initialised(&self) -> Result<bool> {
        self.run_blocking(|db| Ok(program(db)?.is_some()))
    }

    /// Makes the workspace, a program that pays 10 % for 12 months after 30 holding days, and an
    /// API key.
    ///
    /// # Errors
    ///
    /// When there is a workspace already, or the database cannot be written.
    pub fn init(&self) -> Result<Setup> {
        self.run_blocking(|db| {
            let db = begin(db)?;
            if program(&db)?.is_some() {
                return Err(StoreError::refused(
                    "the database is set up already; make a further API key with `refport-server key add`",
                ));
            }
            let workspace_id = id::new(Prefix::Workspace);
            let now = Timestamp::now().as_millis();
            db.execute(
                "INSERT INTO workspace (id, address_salt, created_at) VALUES (?1, ?2, ?3)",
                params![workspace_id, rand::random::<[u8; 32]>(), now],
            )?;
            let reward_id = insert_reward(&db, &workspace_id, &Reward::DEFAULT)?;
            let program_id = id::new(Prefix::Program);
            db.execute(
                "INSERT INTO program (id, workspace_id, currency, holding_days, sale_reward_id, created_at)
                 VALUES (?1, ?2, 'usd', 30, ?3, ?4)",
                params![program_id, workspace_id, reward_id, now],
            )?;
            let api_key = insert_key(&db, &workspace_id)?;
            db.commit()?;
            Ok(Setup { api_key, program_id })
        })
    }

    /// Makes a further API key for the workspace and answers its text, the one time to see it.
    ///
    /// # Errors
    ///
    /// When there is no workspace, or the database cannot be written.
    pub fn create_api_key(&self) -> Result<String> {
        self.run_blocking(|db| {
            let db = begin(db)?;
            let workspace_id = the_program(&db)?.workspace_id;
            let key = insert_key(&db, &workspace_id)?;
            db.commit()?;
            Ok(key)
        })
    }

    /// Adds a partner and their link.
    ///
    /// # Errors
    ///
    /// When the e-mail address or the link's key is taken, the key or destination is none, there
    /// is no such group or no workspace, or the database cannot be written.
    pub fn add_partner(&self, partner: NewPartner) -> Result<Partner> {
        self.run_blocking(|db| {
            let db = begin(db)?;
            let program = the_program(&db)?;
            let added = insert_partner(&db, &program, &partner)?;
            db.commit()?;
            Ok(added)
        })
    }

    /// Points a link to another destination.
    ///
    /// # Errors
    ///
    /// When there is no such link, the destination is no URL, or the database cannot be written.
    pub fn set_destination(&self, link_key: &str, destination: &str) -> Result<()> {
        check_destination(destination)?;
        self.run_blocking(|db| {
            let sql = r#"UPDATE link SET destination = ?2 WHERE "key" = ?1"#;
            match db.execute(sql, [link_key, destination])? {
                0 => Err(StoreError::refused(format!(
                    "there is no link with the key {link_key}"
                ))),
                _ => Ok(()),
            }
        })
    }

    /// Adds a group of partners.
    ///
    /// # Errors
    ///
    /// When the name is taken or blank, there is no workspace, or the database cannot be written.
    pub fn add_group(&self, name: &str) -> Result<Group> {
        if name.trim().is_empty() {
            return Err(StoreError::refused("the group's name is blank"));
        }
        self.run_blocking(|db| {
            let db = begin(db)?;
            let program = the_program(&db)?;
            let group_id = id::new(Prefix::Group);
            let sql = "INSERT INTO partner_group (id, program_id, name, created_at) VALUES (?1, ?2, ?3, ?4)";
            let now = Timestamp::now().as_millis();
            unless_taken(
                db.execute(sql, params![group_id, program.id, name, now]),
                || format!("there is a group named {name} already"),
            )?;
            db.commit()?;
            Ok(Group { group_id })
        })
    }

    /// Sets what is paid from now on; what was earned stays.
    ///
    /// # Errors
    ///
    /// When there is no such group or no workspace, a lead's reward is not a flat sum, or the
    /// database cannot be written.
    pub fn set_reward(&self, target: &RewardTarget, reward: &Reward) -> Result<()> {
        if matches!(
            (target, reward.amount()),
            (RewardTarget::GroupLead(_), Amount::BasisPoints(_))
        ) {
            return Err(StoreError::refused(
                "a lead has no amount to take a percentage of; give a flat sum",
            ));
        }
        self.run_blocking(|db| {
            let db = begin(db)?;
            let program = the_program(&db)?;
            let reward_id = insert_reward(&db, &program.workspace_id, reward)?;
            let (table, column, row) = match target {
                RewardTarget::Program => ("program", "sale_reward_id", program.id.clone()),
                RewardTarget::GroupSale(name) => (
                    "partner_group",
                    "sale_reward_id",
                    group_id(&db, &program, name)?,
                ),
                RewardTarget::GroupLead(name) => (
                    "partner_group",
                    "lead_reward_id",
                    group_id(&db, &program, name)?,
                ),
            };
            db.execute(
                &format!("UPDATE {table} SET {column} = ?1 WHERE id = ?2"),
                [reward_id, row],
            )?;
            db.commit()?;
            Ok(())
        })
    }
}

/// The program that earns. There is one a workspace, and one workspace a database, so far.
pub(super) struct Program {
    pub(super) id: String,
    pub(super) workspace_id: String,
}

pub(super) fn program(db: &Connection) -> Result<Option<Program>> {
    let sql = "SELECT id, workspace_id FROM program ORDER BY id LIMIT 1";
    let found = db.query_row(sql, [], |row| {
        Ok(Program {
            id: row.get(0)?,
            workspace_id: row.get(1)?,
        })
    });
    Ok(found.optional()?)
}

fn the_program(db: &Connection) -> Result<Program> {
    program(db)?.ok_or_else(|| {
        StoreError::refused("the database is empty; set it up with `refport-server init`")
    })
}

fn group_id(db: &Connection, program: &Program, name: &str) -> Result<String> {
    let sql = "SELECT id FROM partner_group WHERE program_id = ?1 AND name = ?2";
    let found = db
        .query_row(sql, [&program.id, name], |row| row.get(0))
        .optional()?;
    found.ok_or_else(|| {
        StoreError::refused(format!(
            "there is no group named {name}; add it with `refport-server group add`"
        ))
    })
}

fn insert_key(db: &Connection, workspace_id: &str) -> Result<String> {
    let key = NewKey::make();
    db.execute(
        "INSERT INTO api_key (id, workspace_id, secret_hash, created_at) VALUES (?1, ?2, ?3, ?4)",
        params![
            key.id,
            workspace_id,
            key.secret_hash,
            Timestamp::now().as_millis()
        ],
    )?;
    Ok(key.text)
}

/// The columns that [`read_reward`] reads.
pub(super) const REWARD_COLUMNS: &str = r#"id, basis_points, flat_amount, "interval", months"#;

/// A reward's ID and the reward, `None` where the row makes no sense.
pub(super) fn read_reward(row: &Row<'_>) -> rusqlite::Result<(String, Option<Reward>)> {
    let amount = match (row.get(1)?, row.get(2)?) {
        (Some(points), None) => Some(Amount::BasisPoints(points)),
        (None, Some(flat)) => Some(Amount::Flat(flat)),
        _ => None,
    };
    let interval = match (row.get::<_, String>(3)?.as_str(), row.get(4)?) {
        ("one_time", None) => Some(Interval::OneTime),
        ("recurring", Some(months)) => Some(Interval::Recurring { months }),
        ("lifetime", None) => Some(Interval::Lifetime),
        _ => None,
    };
    let reward = amount
        .zip(interval)
        .and_then(|(amount, interval)| Reward::new(amount, interval).ok());
    Ok((row.get(0)?, reward))
}

fn insert_reward(db: &Connection, workspace_id: &str, reward: &Reward) -> Result<String> {
    let (basis_points, flat_amount) = match reward.amount() {
        Amount::BasisPoints(points) => (Some(points), None),
        Amount::Flat(amount) => (None, Some(amount)),
    };
    let (interval, months) = match reward.interval() {
        Interval::OneTime => ("one_time", None),
        Interval::Recurring { months } => ("recurring", Some(months)),
        Interval::Lifetime => ("lifetime", None),
    };
    let reward_id = id::new(Prefix::Reward);
    db.execute(
        r#"INSERT INTO reward (id, workspace_id, basis_points, flat_amount, "interval", months, created_at)
           VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"#,
        params![reward_id, workspace_id, basis_points, flat_amount, interval, months, Timestamp::now().as_millis()],
    )?;
    Ok(reward_id)
}

pub(super) fn insert_partner(
    db: &Connection,
    program: &Program,
    partner: &NewPartner,
) -> Result<Partner> {
    if !partner.email.contains('@') {
        return Err(StoreError::refused("the partner's e-mail address has no @"));
    }
    let group_id = partner
        .group
        .as_ref()
        .map(|name| group_id(db, program, name))
        .transpose()?;
    let partner_id = id::new(Prefix::Partner);
    let sql = "INSERT INTO partner (id, workspace_id, program_id, group_id, enrollment_id, tenant_id, email, name, created_at)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    let values = params![
        partner_id,
        program.workspace_id,
        program.id,
        group_id,
        id::new(Prefix::Enrollment),
        partner.tenant_id,
        partner.email.trim(),
        partner.name,
        Timestamp::now().as_millis(),
    ];
    unless_taken(db.execute(sql, values), || {
        "there is a partner with this e-mail address already".to_owned()
    })?;
    let link_key = match partner
        .destination
        .clone()
        .map_or_else(|| first_destination(db, program), |url| Ok(Some(url)))?
    {
        Some(destination) => Some(insert_link(
            db,
            &partner_id,
            partner.key.as_deref(),
            &destination,
        )?),
        None => None,
    };
    Ok(Partner {
        partner_id,
        link_key,
    })
}

fn first_destination(db: &Connection, program: &Program) -> Result<Option<String>> {
    let sql = "SELECT destination FROM link JOIN partner ON partner.id = link.partner_id
               WHERE partner.program_id = ?1 ORDER BY link.id LIMIT 1";
    Ok(db
        .query_row(sql, [&program.id], |row| row.get(0))
        .optional()?)
}

fn insert_link(
    db: &Connection,
    partner_id: &str,
    key: Option<&str>,
    destination: &str,
) -> Result<String> {
    check_destination(destination)?;
    let key = key.map_or_else(|| id::random_text(8), str::to_owned);
    if !(1..=100).contains(&key.len())
        || !key
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    {
        return Err(StoreError::refused(
            "the link's key must be 1 to 100 letters, digits, `-` and `_`",
        ));
    }
    let sql = r#"INSERT INTO link (id, partner_id, "key", destination, created_at) VALUES (?1, ?2, ?3, ?4, ?5)"#;
    let now = Timestamp::now().as_millis();
    unless_taken(
        db.execute(
            sql,
            params![id::new(Prefix::Link), partner_id, key, destination, now],
        ),
        || format!("there is a link with the key {key} already"),
    )?;
    Ok(key)
}

fn check_destination(destination: &str) -> Result<()> {
    match Url::parse(destination) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(()),
        _ => Err(StoreError::refused(
            "the destination must be a URL like https://example.com/",
        )),
    }
}

/// Turns a broken unique rule into a sentence.
fn unless_taken(result: rusqlite::Result<usize>, taken: impl FnOnce() -> String) -> Result<()> {
    match result {
        Ok(_) => Ok(()),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
            Err(StoreError::refused(taken()))
        }
        Err(error) => Err(error.into()),
    }
}
