//! The rows that an owner's changes make.

use refport_core::Timestamp;
use url::Url;

use super::{NewPartner, NewProgram, Partner};
use crate::{
    api_key::NewKey,
    domain::{
        Amount, Interval, Reward,
        click_id::LINK_NUMBERS,
        id::{self, Prefix},
        text,
    },
    store::{
        Problem, Result, StoreError,
        pool::{Tx, args},
    },
};

/// The program that earns.
pub(in crate::store) struct Program {
    pub(in crate::store) id: String,
    pub(in crate::store) workspace_id: String,
}

/// The program of this name, else the oldest one. There is one workspace a database, so far.
pub(super) async fn the_program(tx: &mut Tx, name: Option<&str>) -> Result<Program> {
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
pub(super) async fn group_of(tx: &mut Tx, workspace_id: &str, name: &str) -> Result<String> {
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

pub(super) fn now() -> i64 {
    Timestamp::now().as_millis()
}

pub(super) async fn insert_signing_key(tx: &mut Tx, workspace_id: &str, number: i64) -> Result<()> {
    let sql = "INSERT INTO signing_key (workspace_id, number, secret, created_at) VALUES ($1, $2, $3, $4)";
    let secret = rand::random::<[u8; 32]>().to_vec();
    tx.execute(sql, args![workspace_id, number, secret, now()])
        .await?;
    Ok(())
}

pub(super) async fn insert_program(
    tx: &mut Tx,
    workspace_id: &str,
    new: &NewProgram,
) -> Result<Program> {
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

pub(super) async fn insert_api_key(tx: &mut Tx, program: &Program) -> Result<String> {
    let key = NewKey::make();
    let sql = "INSERT INTO api_key (id, workspace_id, program_id, secret_hash, created_at)
               VALUES ($1, $2, $3, $4, $5)";
    let hash = key.secret_hash.to_vec();
    let values = args![&key.id, &program.workspace_id, &program.id, hash, now()];
    tx.execute(sql, values).await?;
    Ok(key.text)
}

pub(super) async fn insert_reward(
    tx: &mut Tx,
    workspace_id: &str,
    reward: &Reward,
) -> Result<String> {
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
pub(in crate::store) async fn insert_partner(
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

pub(super) fn check_destination(destination: &str) -> Result<()> {
    match Url::parse(destination) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(()),
        _ => Err(StoreError::refused(
            "the destination must be a URL like https://example.com/",
        )),
    }
}
