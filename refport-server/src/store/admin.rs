//! What the owner sets up: workspace, programs, partners, groups, rewards, API keys.
//!
//! These calls block for the time of a disk write; call them at start-up or from the command line.

use refport_core::{Currency, Timestamp};
use serde::Serialize;
use url::Url;

use super::{
    Problem, Result, Store, StoreError,
    pool::{Tx, args},
};
use crate::{
    api_key::NewKey,
    domain::{
        Amount, Interval, Reward,
        click_id::LINK_NUMBERS,
        id::{self, Prefix},
        text,
    },
};

/// The name of the program that `init` makes.
const FIRST_PROGRAM: &str = "default";

/// Runs the block in one transaction, and lets requests see at once what it changed.
macro_rules! change {
    ($store:expr, |$tx:ident| $block:block) => {{
        let pool = $store.0.pool.clone();
        let changed = $store.run_blocking(async move {
            let mut tx = pool.begin().await?;
            let changed: Result<_> = async {
                let $tx = &mut tx;
                $block
            }
            .await;
            let changed = changed?;
            tx.commit().await?;
            Ok(changed)
        });
        $store.0.cache.forget_all();
        changed
    }};
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

/// A program to add: what partners are paid for, in which currency, and when.
#[derive(Clone, Debug)]
#[must_use]
pub struct NewProgram {
    name: String,
    currency: Currency,
    other_currencies: Vec<String>,
    holding_days: u32,
}

impl NewProgram {
    /// A program of this name, which pays flat rewards in US dollars, 30 days after the sale.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            currency: Currency::USD,
            other_currencies: Vec::new(),
            holding_days: 30,
        }
    }

    /// The currency of flat rewards. A share is paid in the sale's own.
    pub const fn currency(mut self, currency: Currency) -> Self {
        self.currency = currency;
        self
    }

    /// A code of three letters that is not in ISO 4217 and is taken all the same, as for points.
    pub fn other_currency(mut self, code: Currency) -> Self {
        self.other_currencies.push(String::from(code));
        self
    }

    /// How many days after the sale a commission is payable. Default: 30.
    pub const fn holding_days(mut self, days: u32) -> Self {
        self.holding_days = days;
        self
    }
}

/// A partner to add, with a link.
#[derive(Clone)]
#[must_use]
pub struct NewPartner {
    pub(super) email: String,
    pub(super) name: Option<String>,
    key: Option<String>,
    destination: Option<String>,
    program: Option<String>,
    group: Option<String>,
    pub(super) tenant_id: Option<String>,
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
            program: None,
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

    /// The program in which the partner earns, by its name. Default: the first one. A partner who is
    /// in another program already is enrolled in this one too.
    pub fn program(mut self, name: impl Into<String>) -> Self {
        self.program = Some(name.into());
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
    /// The first program's, for sales of partners whose group has none.
    Program,
    /// Another program's, by its name.
    NamedProgram(String),
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
        let pool = self.0.pool.clone();
        self.run_blocking(async move {
            let found =
                pool.fetch_optional::<(String,)>("SELECT id FROM workspace LIMIT 1", args![]);
            Ok(found.await?.is_some())
        })
    }

    /// Makes the workspace, a program that pays 10 % for 12 months after 30 holding days, and an
    /// API key.
    ///
    /// # Errors
    ///
    /// When there is a workspace already, or the database cannot be written.
    pub fn init(&self) -> Result<Setup> {
        self.init_with(NewProgram::new(FIRST_PROGRAM))
    }

    /// As [`init`](Self::init), with a program of your own.
    ///
    /// # Errors
    ///
    /// As [`init`](Self::init).
    pub fn init_with(&self, first: NewProgram) -> Result<Setup> {
        change!(self, |tx| {
            let sql = "SELECT id FROM workspace LIMIT 1";
            if tx
                .fetch_optional::<(String,)>(sql, args![])
                .await?
                .is_some()
            {
                return Err(StoreError::refused(
                    "the database is set up already; make a further API key with `refport-server key add`",
                ));
            }
            let workspace_id = id::new(Prefix::Workspace);
            let sql = "INSERT INTO workspace (id, address_salt, created_at) VALUES ($1, $2, $3)";
            let salt = rand::random::<[u8; 32]>().to_vec();
            tx.execute(sql, args![&workspace_id, salt, now()]).await?;
            insert_signing_key(tx, &workspace_id, 0).await?;
            let program = insert_program(tx, &workspace_id, &first).await?;
            let api_key = insert_api_key(tx, &program).await?;
            let program_id = program.id;
            Ok(Setup {
                api_key,
                program_id,
            })
        })
    }

    /// Adds a program, which pays 10 % for 12 months until it is told otherwise, and answers its ID.
    ///
    /// # Errors
    ///
    /// When the name is taken or blank, there is no workspace, or the database cannot be written.
    pub fn add_program(&self, program: NewProgram) -> Result<String> {
        change!(self, |tx| {
            let workspace_id = the_program(tx, None).await?.workspace_id;
            Ok(insert_program(tx, &workspace_id, &program).await?.id)
        })
    }

    /// Makes a further API key for the workspace's first program and answers its text, the one time
    /// to see it.
    ///
    /// # Errors
    ///
    /// When there is no workspace, or the database cannot be written.
    pub fn create_api_key(&self) -> Result<String> {
        change!(self, |tx| {
            let program = the_program(tx, None).await?;
            insert_api_key(tx, &program).await
        })
    }

    /// As [`create_api_key`](Self::create_api_key), for the program of this name: partners whom a call
    /// with the key makes earn there.
    ///
    /// # Errors
    ///
    /// When there is no such program, or the database cannot be written.
    pub fn create_api_key_for(&self, program: &str) -> Result<String> {
        let name = program.to_owned();
        change!(self, |tx| {
            let program = the_program(tx, Some(&name)).await?;
            insert_api_key(tx, &program).await
        })
    }

    /// Signs click IDs and embed tokens with a new key from now on. Older keys go on to verify: a
    /// click counts for 90 days.
    ///
    /// Running servers take the new key up within five seconds.
    ///
    /// # Errors
    ///
    /// When there is no workspace, or the database cannot be written.
    pub fn rotate_signing_key(&self) -> Result<()> {
        change!(self, |tx| {
            let workspace_id = the_program(tx, None).await?.workspace_id;
            let sql = "SELECT number FROM signing_key WHERE workspace_id = $1
                       ORDER BY created_at DESC, number DESC LIMIT 1";
            let newest: Option<(i64,)> = tx.fetch_optional(sql, args![&workspace_id]).await?;
            let number = newest.map_or(0, |(number,)| (number + 1) % 256);
            let sql = "DELETE FROM signing_key WHERE workspace_id = $1 AND number = $2";
            tx.execute(sql, args![&workspace_id, number]).await?;
            insert_signing_key(tx, &workspace_id, number).await
        })
    }

    /// Adds a partner and their link.
    ///
    /// # Errors
    ///
    /// When the partner is in the program already, the link's key is taken, the key, the destination or
    /// the e-mail address is none, there is no such program or group or no workspace, or the database
    /// cannot be written.
    pub fn add_partner(&self, partner: NewPartner) -> Result<Partner> {
        change!(self, |tx| {
            let program = the_program(tx, partner.program.as_deref()).await?;
            insert_partner(tx, &program, &partner).await
        })
    }

    /// Points a link to another destination.
    ///
    /// # Errors
    ///
    /// When there is no such link, the destination is no URL, or the database cannot be written.
    pub fn set_destination(&self, link_key: &str, destination: &str) -> Result<()> {
        check_destination(destination)?;
        let (link_key, destination) = (link_key.to_owned(), destination.to_owned());
        change!(self, |tx| {
            let sql = r#"UPDATE link SET destination = $1 WHERE "key" = $2"#;
            match tx.execute(sql, args![&destination, &link_key]).await? {
                0 => Err(StoreError::refused(format!(
                    "there is no link with the key {link_key}"
                ))),
                _ => Ok(()),
            }
        })
    }

    /// Adds a group of partners to the first program.
    ///
    /// # Errors
    ///
    /// When the name is taken or blank, there is no workspace, or the database cannot be written.
    pub fn add_group(&self, name: &str) -> Result<Group> {
        self.insert_group(None, name)
    }

    /// Adds a group of partners to the program of this name.
    ///
    /// # Errors
    ///
    /// When there is no such program, and as [`add_group`](Self::add_group).
    pub fn add_group_to(&self, program: &str, name: &str) -> Result<Group> {
        self.insert_group(Some(program.to_owned()), name)
    }

    fn insert_group(&self, program: Option<String>, name: &str) -> Result<Group> {
        if name.trim().is_empty() {
            return Err(StoreError::refused("the group's name is blank"));
        }
        let name = name.to_owned();
        change!(self, |tx| {
            let program = the_program(tx, program.as_deref()).await?;
            let group_id = id::new(Prefix::Group);
            let sql = "INSERT INTO partner_group (id, program_id, name, created_at) VALUES ($1, $2, $3, $4)";
            let values = args![&group_id, &program.id, &name, now()];
            let taken = || format!("there is a group named {name} already");
            tx.execute_unless_taken(sql, values, taken).await?;
            Ok(Group { group_id })
        })
    }

    /// Sets what is paid from now on; what was earned stays.
    ///
    /// # Errors
    ///
    /// When there is no such group or program or no workspace, a lead's reward is not a flat sum, or
    /// the database cannot be written.
    pub fn set_reward(&self, target: &RewardTarget, reward: &Reward) -> Result<()> {
        if matches!(
            (target, reward.amount()),
            (RewardTarget::GroupLead(_), Amount::BasisPoints(_))
        ) {
            return Err(StoreError::refused(
                "a lead has no amount to take a percentage of; give a flat sum",
            ));
        }
        let (target, reward) = (target.clone(), *reward);
        change!(self, |tx| {
            let named = match &target {
                RewardTarget::NamedProgram(name) => Some(name.as_str()),
                _ => None,
            };
            let program = the_program(tx, named).await?;
            let reward_id = insert_reward(tx, &program.workspace_id, &reward).await?;
            let (sql, row) = match &target {
                RewardTarget::Program | RewardTarget::NamedProgram(_) => (
                    "UPDATE program SET sale_reward_id = $1 WHERE id = $2",
                    program.id.clone(),
                ),
                RewardTarget::GroupSale(name) => (
                    "UPDATE partner_group SET sale_reward_id = $1 WHERE id = $2",
                    group_of(tx, &program.workspace_id, name).await?,
                ),
                RewardTarget::GroupLead(name) => (
                    "UPDATE partner_group SET lead_reward_id = $1 WHERE id = $2",
                    group_of(tx, &program.workspace_id, name).await?,
                ),
            };
            tx.execute(sql, args![reward_id, row]).await?;
            Ok(())
        })
    }
}

/// The program that earns.
pub(super) struct Program {
    pub(super) id: String,
    pub(super) workspace_id: String,
}

/// The program of this name, else the oldest one. There is one workspace a database, so far.
async fn the_program(tx: &mut Tx, name: Option<&str>) -> Result<Program> {
    let found: Option<(String, String)> = match name {
        Some(name) => {
            let sql = "SELECT id, workspace_id FROM program WHERE name = $1 ORDER BY id LIMIT 1";
            tx.fetch_optional(sql, args![name]).await?
        }
        None => {
            let sql = "SELECT id, workspace_id FROM program ORDER BY id LIMIT 1";
            tx.fetch_optional(sql, args![]).await?
        }
    };
    let program = found.map(|(id, workspace_id)| Program { id, workspace_id });
    program.ok_or_else(|| match name {
        Some(name) => StoreError::refused(format!(
            "there is no program named {name}; add it with `refport-server program add`"
        )),
        None => StoreError::refused("the database is empty; set it up with `refport-server init`"),
    })
}

/// A group by its name, whatever the program; two programs may have one of the same name.
async fn group_of(tx: &mut Tx, workspace_id: &str, name: &str) -> Result<String> {
    let sql = "SELECT partner_group.id FROM partner_group
               JOIN program ON program.id = partner_group.program_id
               WHERE program.workspace_id = $1 AND partner_group.name = $2";
    let found: Vec<(String,)> = tx.fetch_all(sql, args![workspace_id, name]).await?;
    the_only(found, name)
}

async fn group_in(tx: &mut Tx, program: &Program, name: &str) -> Result<String> {
    let sql = "SELECT id FROM partner_group WHERE program_id = $1 AND name = $2";
    let found: Vec<(String,)> = tx.fetch_all(sql, args![&program.id, name]).await?;
    the_only(found, name)
}

fn the_only(mut found: Vec<(String,)>, name: &str) -> Result<String> {
    match (found.pop(), found.is_empty()) {
        (Some((id,)), true) => Ok(id),
        (Some(_), false) => Err(StoreError::refused(format!(
            "several programs have a group named {name}; give groups different names"
        ))),
        (None, _) => Err(StoreError::refused(format!(
            "there is no group named {name}; add it with `refport-server group add`"
        ))),
    }
}

fn now() -> i64 {
    Timestamp::now().as_millis()
}

async fn insert_signing_key(tx: &mut Tx, workspace_id: &str, number: i64) -> Result<()> {
    let sql = "INSERT INTO signing_key (workspace_id, number, secret, created_at) VALUES ($1, $2, $3, $4)";
    let secret = rand::random::<[u8; 32]>().to_vec();
    tx.execute(sql, args![workspace_id, number, secret, now()])
        .await?;
    Ok(())
}

async fn insert_program(tx: &mut Tx, workspace_id: &str, new: &NewProgram) -> Result<Program> {
    let name = new.name.trim();
    if name.is_empty() {
        return Err(StoreError::refused("the program's name is blank"));
    }
    let reward_id = insert_reward(tx, workspace_id, &Reward::DEFAULT).await?;
    let program_id = id::new(Prefix::Program);
    let sql =
        "INSERT INTO program (id, workspace_id, name, currency, other_currencies, holding_days,
                                    sale_reward_id, created_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let values = args![
        &program_id,
        workspace_id,
        name,
        String::from(new.currency),
        new.other_currencies.join(","),
        i64::from(new.holding_days),
        reward_id,
        now(),
    ];
    let taken = || format!("there is a program named {name} already");
    tx.execute_unless_taken(sql, values, taken).await?;
    Ok(Program {
        id: program_id,
        workspace_id: workspace_id.to_owned(),
    })
}

async fn insert_api_key(tx: &mut Tx, program: &Program) -> Result<String> {
    let key = NewKey::make();
    let sql = "INSERT INTO api_key (id, workspace_id, program_id, secret_hash, created_at)
               VALUES ($1, $2, $3, $4, $5)";
    let hash = key.secret_hash.to_vec();
    let values = args![&key.id, &program.workspace_id, &program.id, hash, now()];
    tx.execute(sql, values).await?;
    Ok(key.text)
}

async fn insert_reward(tx: &mut Tx, workspace_id: &str, reward: &Reward) -> Result<String> {
    let (basis_points, flat_amount) = match reward.amount() {
        Amount::BasisPoints(points) => (Some(i64::from(points)), None),
        Amount::Flat(amount) => (None, Some(amount)),
    };
    let (duration, months) = match reward.interval() {
        Interval::OneTime => ("one_time", None),
        Interval::Recurring { months } => ("recurring", Some(i64::from(months))),
        Interval::Lifetime => ("lifetime", None),
    };
    let reward_id = id::new(Prefix::Reward);
    let sql = "INSERT INTO reward (id, workspace_id, basis_points, flat_amount, duration, months, created_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let values = args![
        &reward_id,
        workspace_id,
        basis_points,
        flat_amount,
        duration,
        months,
        now(),
    ];
    tx.execute(sql, values).await?;
    Ok(reward_id)
}

/// Adds the partner, or enrols one who is in another program of the workspace.
pub(super) async fn insert_partner(
    tx: &mut Tx,
    program: &Program,
    new: &NewPartner,
) -> Result<Partner> {
    let email = text::canonical(&new.email);
    if !email.contains('@') || email.chars().any(char::is_control) {
        return Err(StoreError::refused(
            "the partner's e-mail address has no @, or signs that no address has",
        ));
    }
    let group_id = match &new.group {
        Some(name) => Some(group_in(tx, program, name).await?),
        None => None,
    };
    let sql = "SELECT id FROM partner WHERE workspace_id = $1 AND email_key = $2";
    let email_key = text::email_key(&email);
    let known: Option<(String,)> = tx
        .fetch_optional(sql, args![&program.workspace_id, &email_key])
        .await?;
    let partner_id = match known {
        Some((partner_id,)) => partner_id,
        None => {
            let partner_id = id::new(Prefix::Partner);
            let sql = "INSERT INTO partner (id, workspace_id, tenant_id, email, email_key, name, created_at)
                       VALUES ($1, $2, $3, $4, $5, $6, $7)";
            let values = args![
                &partner_id,
                &program.workspace_id,
                new.tenant_id.clone(),
                &*email,
                &email_key,
                new.name.clone(),
                now(),
            ];
            let taken = || "there is a partner of this tenant already".to_owned();
            tx.execute_unless_taken(sql, values, taken).await?;
            partner_id
        }
    };
    let enrollment_id = id::new(Prefix::Enrollment);
    let sql =
        "INSERT INTO enrollment (id, workspace_id, program_id, partner_id, group_id, created_at)
               VALUES ($1, $2, $3, $4, $5, $6)";
    let values = args![
        &enrollment_id,
        &program.workspace_id,
        &program.id,
        &partner_id,
        group_id,
        now(),
    ];
    let taken = || "there is a partner with this e-mail address in the program already".to_owned();
    tx.execute_unless_taken(sql, values, taken).await?;
    let destination = match &new.destination {
        Some(destination) => Some(destination.clone()),
        None => first_destination(tx, program).await?,
    };
    let link_key = match destination {
        Some(destination) => {
            let key = new.key.as_deref();
            Some(insert_link(tx, program, &enrollment_id, key, &destination).await?)
        }
        None => None,
    };
    Ok(Partner {
        partner_id,
        link_key,
    })
}

async fn first_destination(tx: &mut Tx, program: &Program) -> Result<Option<String>> {
    let sql = "SELECT link.destination FROM link
               JOIN enrollment ON enrollment.id = link.enrollment_id
               WHERE enrollment.program_id = $1 ORDER BY link.id LIMIT 1";
    let found: Option<(String,)> = tx.fetch_optional(sql, args![&program.id]).await?;
    Ok(found.map(|(destination,)| destination))
}

async fn insert_link(
    tx: &mut Tx,
    program: &Program,
    enrollment_id: &str,
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
    let number = free_number(tx, &program.workspace_id).await?;
    let sql = r#"INSERT INTO link (id, workspace_id, enrollment_id, number, "key", destination, created_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7)"#;
    let values = args![
        id::new(Prefix::Link),
        &program.workspace_id,
        enrollment_id,
        number,
        &key,
        destination,
        now(),
    ];
    let taken = || format!("there is a link with the key {key} already");
    tx.execute_unless_taken(sql, values, taken).await?;
    Ok(key)
}

/// A number that no link of the workspace has.
async fn free_number(tx: &mut Tx, workspace_id: &str) -> Result<i64> {
    let sql = "SELECT number FROM link WHERE workspace_id = $1 AND number = $2";
    for _ in 0..20 {
        let number = rand::random_range(0..LINK_NUMBERS);
        let taken: Option<(i64,)> = tx.fetch_optional(sql, args![workspace_id, number]).await?;
        if taken.is_none() {
            return Ok(number);
        }
    }
    Err(Problem::Refused("there is no number left for another link".to_owned()).into())
}

fn check_destination(destination: &str) -> Result<()> {
    match Url::parse(destination) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(()),
        _ => Err(StoreError::refused(
            "the destination must be a URL like https://example.com/",
        )),
    }
}
