//! What the owner sets up: workspace, programs, partners, groups, rewards, API keys.
//!
//! These calls block for the time of a disk write; call them at start-up or from the command line.

mod new;
mod rows;

pub use self::new::{Group, NewPartner, NewProgram, Partner, RewardTarget, Setup};
pub(super) use self::rows::{Program, insert_partner};
use self::rows::{
    check_destination, group_of, insert_api_key, insert_program, insert_reward, insert_signing_key,
    now, the_program,
};
use super::{Result, Store, StoreError, pool::args};
use crate::domain::{
    Amount, Reward,
    id::{self, Prefix},
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
