//! What a command does once its arguments are read.

use anyhow::bail;
use refport_server::{Amount, Interval, NewPartner, Question, Reward, RewardTarget, Store};
use serde_json::json;

use super::{Common, ExplainArgs, GroupAdd, Init, KeyAdd, On, PartnerAdd, ProgramAdd, RewardSet};

pub(super) fn init(args: Init) -> anyhow::Result<()> {
    let store = Store::open(&args.common.database.database)?;
    let setup = store.init_with(args.terms.program("default".to_owned()))?;
    args.common
        .print(&json!({ "apiKey": setup.api_key, "programId": setup.program_id }));
    if !args.common.json {
        println!("The API key is not shown again.");
    }
    Ok(())
}

/// Opening has done it.
pub(super) fn migrate(common: &Common) -> anyhow::Result<()> {
    common.open()?;
    common.print(&json!({ "migrated": true }));
    Ok(())
}

pub(super) fn explain(args: ExplainArgs) -> anyhow::Result<()> {
    let question = match (args.invoice_id, args.customer_external_id, args.click_id) {
        (Some(id), _, _) => Question::Invoice(id),
        (_, Some(id), _) => Question::Customer(id),
        (_, _, Some(id)) => Question::Click(id),
        (None, None, None) => unreachable!("clap requires one of them"),
    };
    let explanation = args.common.open()?.explain(&question)?;
    if args.common.json {
        println!("{}", serde_json::to_string(&explanation)?);
    } else {
        print!("{explanation}");
    }
    Ok(())
}

pub(super) fn add_program(args: ProgramAdd) -> anyhow::Result<()> {
    let program_id = args
        .common
        .open()?
        .add_program(args.terms.program(args.name))?;
    args.common.print(&json!({ "programId": program_id }));
    Ok(())
}

pub(super) fn add_key(args: &KeyAdd) -> anyhow::Result<()> {
    let store = args.common.open()?;
    let api_key = match &args.program {
        Some(program) => store.create_api_key_for(program)?,
        None => store.create_api_key()?,
    };
    args.common.print(&json!({ "apiKey": api_key }));
    Ok(())
}

pub(super) fn rotate_signing_key(common: &Common) -> anyhow::Result<()> {
    common.open()?.rotate_signing_key()?;
    common.print(&json!({ "rotated": true }));
    Ok(())
}

pub(super) fn add_partner(args: PartnerAdd) -> anyhow::Result<()> {
    let mut partner = NewPartner::new(args.email, args.name).destination(args.destination);
    if let Some(key) = args.key {
        partner = partner.key(key);
    }
    if let Some(program) = args.program {
        partner = partner.program(program);
    }
    if let Some(group) = args.group {
        partner = partner.group(group);
    }
    let added = args.common.open()?.add_partner(partner)?;
    let public_url = args.public_url;
    let link_url = added.link_key.map(|key| format!("{public_url}/r/{key}"));
    args.common
        .print(&json!({ "partnerId": added.partner_id, "linkUrl": link_url }));
    Ok(())
}

pub(super) fn add_group(args: &GroupAdd) -> anyhow::Result<()> {
    let store = args.common.open()?;
    let group = match &args.program {
        Some(program) => store.add_group_to(program, &args.name)?,
        None => store.add_group(&args.name)?,
    };
    args.common.print(&json!({ "groupId": group.group_id }));
    Ok(())
}

pub(super) fn set_reward(args: RewardSet) -> anyhow::Result<()> {
    let amount = match (&args.percent, args.flat) {
        (Some(percent), _) => Amount::percent(percent)?,
        (None, Some(flat)) => Amount::Flat(flat),
        (None, None) => unreachable!("clap requires one of them"),
    };
    let interval_given = args.one_time || args.months.is_some() || args.lifetime;
    let interval = match args.on {
        On::Lead if interval_given => bail!(
            "a lead is rewarded once a customer; leave out --one-time, --months and --lifetime"
        ),
        On::Lead => Interval::OneTime,
        On::Sale if !interval_given => {
            bail!("say for how long: --one-time, --months N or --lifetime")
        }
        On::Sale if args.one_time => Interval::OneTime,
        On::Sale => args
            .months
            .map_or(Interval::Lifetime, |months| Interval::Recurring { months }),
    };
    let target = match (args.on, args.group) {
        (On::Sale, None) => args
            .program
            .map_or(RewardTarget::Program, RewardTarget::NamedProgram),
        (On::Sale, Some(group)) => RewardTarget::GroupSale(group),
        (On::Lead, Some(group)) => RewardTarget::GroupLead(group),
        (On::Lead, None) => bail!("a reward for leads belongs to a group; name it with --group"),
    };
    let reward = Reward::new(amount, interval)?;
    args.common.open()?.set_reward(&target, &reward)?;
    let text = match args.on {
        On::Sale => reward.to_string(),
        On::Lead => format!("{amount} the first lead of a customer"),
    };
    args.common.print(&json!({ "reward": text }));
    Ok(())
}
