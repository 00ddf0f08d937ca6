//! The eight steps by which a report becomes a commission.
//!
//! 1. [`find_customer`] and [`attribute`]: the customer or the click to a partner's link
//! 2. [`know_customer`], whose first attribution stays
//! 3. the event's row
//! 4. to 6. [`earn`]: the group's reward, else the program's; once only, or not past its months
//! 7. the commission, `pending` until the holding days are over
//! 8. what the workspace's webhooks are told, which a store derives from the rows

use std::sync::Arc;

use super::{
    CLICK_WINDOW_MS, CLOCK_SKEW_MS, DAY_MS,
    event::{Event, Kind, Report},
    facts::{Facts, KnownCustomer, Link, VersionedReward, identity_of_external_id},
    outcome::{Outcome, Reason, Recorded, RecordedLink, RecordedSale},
    plan::{Commission, CustomerChange, NewClick, NewCustomer, OtherAmount, Plan, Refusal},
    reward::Amount,
    text,
};

/// Decides one event by what is known, and adds what it changes to that.
pub(crate) fn decide(facts: &mut Facts, event: &Event) -> (Plan, Outcome) {
    let (plan, outcome) = match record(facts, event) {
        Ok(recorded) => recorded,
        Err(reason) => {
            let refusal = Some(Refusal::of(event, reason));
            let plan = Plan {
                refusal,
                ..Plan::default()
            };
            (plan, Outcome::Refused(reason))
        }
    };
    facts.learn(&plan);
    (plan, outcome)
}

fn record(facts: &Facts, event: &Event) -> Result<(Plan, Outcome), Reason> {
    if let Some(first) = facts.recorded_before(event) {
        return repeat(first, event);
    }
    let report = event.report();
    let known = find_customer(facts, event);
    let attribution = attribute(facts, report, known)?;
    let link = &attribution.link;
    if let Event::Sale(sale) = event
        && !takes_currency(link, &String::from(sale.currency))
    {
        return Err(Reason::UnknownCurrency);
    }
    let mut customer = know_customer(event, known, &attribution);
    let earned = earn(facts, event, link, &customer.row);
    if earned.is_ok() {
        customer.is_changed = true;
    }
    let self_referral = customer.row.email_key.as_ref() == Some(&link.partner_email_key);
    let reason = earned.as_ref().err().copied().unwrap_or(Reason::Earned);
    let recorded = Arc::new(Recorded {
        id: report.ids.event.clone(),
        workspace_id: report.workspace_id.clone(),
        kind: event.kind(),
        key: event.key().map(str::to_owned),
        program_id: link.program_id.clone(),
        partner_id: link.partner_id.clone(),
        link_id: link.id.clone(),
        customer_id: customer.row.id.clone(),
        click_id: attribution.click_id.clone(),
        named_click_id: report
            .click
            .as_ref()
            .map(|click| click.id.clone())
            .filter(|id| *id != attribution.click_id),
        event_name: report.event_name.clone(),
        customer_external_id: customer.row.external_id.clone(),
        customer_email: customer.row.email.clone(),
        customer_name: customer.row.name.clone(),
        link: (event.kind() == Kind::Lead).then(|| RecordedLink {
            domain: report.domain.clone(),
            key: link.key.clone(),
            destination: link.destination.clone(),
        }),
        sale: recorded_sale(event, earned.as_ref().map_or(0, |(_, amount)| *amount)),
        metadata: report.metadata.clone(),
        reason,
        self_referral,
        occurred_at: report.occurred_at,
        received_at: report.received_at,
    });
    let commission = earned
        .ok()
        .map(|(reward, amount)| commission(event, link, &customer.row, reward, amount));
    let (new_customer, customer_change) = customer.into_plan();
    let plan = Plan {
        click: attribution.new_click,
        new_customer,
        customer_change,
        event: Some(Arc::clone(&recorded)),
        commission,
        ..Plan::default()
    };
    Ok((plan, Outcome::Recorded(recorded)))
}

/// A repeat changes nothing and answers the first answer. Another customer's sale under the same
/// invoice is no repeat: those are two shops that number by themselves.
fn repeat(first: &Arc<Recorded>, event: &Event) -> Result<(Plan, Outcome), Reason> {
    let mut plan = Plan::default();
    if let Event::Sale(sale) = event {
        let customer = |external_id: &Option<String>| {
            let text = external_id.as_deref().unwrap_or_default();
            text::canonical(text).into_owned()
        };
        if customer(&first.customer_external_id) != customer(&sale.report.customer.external_id) {
            return Err(Reason::Conflict);
        }
        let said = first.sale.as_ref().map(|sale| (sale.amount, sale.currency));
        if said != Some((sale.amount, sale.currency)) {
            plan.other_amount = Some(OtherAmount {
                event_id: first.id.clone(),
                amount: sale.amount,
                currency: sale.currency,
            });
        }
    }
    Ok((plan, Outcome::Recorded(Arc::clone(first))))
}

/// Step 1: who it is. By external ID; where either side has none (Partli's leads), by e-mail address,
/// then a sale by its click. Never by name.
///
/// A click joins a sale to a lead only where there is one lead that it can mean: people share URLs, so
/// one click may have several. Leads do not join each other by a click.
fn find_customer<'a>(facts: &'a Facts, event: &Event) -> Option<&'a KnownCustomer> {
    let report = event.report();
    let workspace_id = &report.workspace_id;
    let external_id = report.customer.external_id.as_deref();
    if let Some(external_id) = external_id
        && let Some(found) = facts.customer_by_external_id(workspace_id, external_id)
    {
        return Some(found);
    }
    let may_be =
        |customer: &&KnownCustomer| customer.external_id.is_none() || external_id.is_none();
    if let Some(email) = &report.customer.email
        && let Some(found) = facts.customers_by_email(workspace_id, email).find(may_be)
    {
        return Some(found);
    }
    if event.kind() == Kind::Lead {
        return None;
    }
    let click = report.click.as_ref()?;
    let mut candidates = facts.customers_by_click(&click.id).filter(|customer| {
        customer.workspace_id == *workspace_id
            && customer.external_id.is_none()
            && (customer.email.is_none() || report.customer.email.is_none())
    });
    candidates.next().filter(|_| candidates.next().is_none())
}

/// To whom an event is credited.
struct Attribution {
    click_id: String,
    link: Arc<Link>,
    new_click: Option<NewClick>,
}

/// Step 1: whose customer it is. A customer's first attribution stays; else the click decides, while
/// it is fresh.
fn attribute(
    facts: &Facts,
    report: &Report,
    known: Option<&KnownCustomer>,
) -> Result<Attribution, Reason> {
    let click = named_click(facts, report);
    if let Some(customer) = known {
        let forgiven = match &click {
            Err(Reason::NoClick) => report.policy.missing_click_is_forgiven,
            Err(Reason::UnknownClick) => report.policy.unknown_click_is_forgiven,
            _ => true,
        };
        if forgiven {
            let link = facts.link(&customer.link_id).ok_or(Reason::NoLink)?;
            return Ok(Attribution {
                click_id: customer.click_id.clone(),
                link: Arc::clone(link),
                new_click: None,
            });
        }
    }
    let click = click?;
    let age = report.occurred_at - click.clicked_at;
    if age >= CLICK_WINDOW_MS {
        return Err(Reason::ClickExpired);
    }
    if age < -CLOCK_SKEW_MS {
        return Err(Reason::BeforeClick);
    }
    Ok(Attribution {
        click_id: click.id,
        link: click.link.ok_or(Reason::NoLink)?,
        new_click: click.new,
    })
}

struct NamedClick {
    id: String,
    link: Option<Arc<Link>>,
    clicked_at: i64,
    new: Option<NewClick>,
}

/// The click that a report names: its row, else what the ID proves by itself.
fn named_click(facts: &Facts, report: &Report) -> Result<NamedClick, Reason> {
    let claimed = report.click.as_ref().ok_or(Reason::NoClick)?;
    if let Some(click) = facts.click(report, &claimed.id) {
        let link = click.link_id.as_deref().and_then(|id| facts.link(id));
        return Ok(NamedClick {
            id: click.id.clone(),
            link: link.map(Arc::clone),
            clicked_at: click.created_at,
            new: None,
        });
    }
    let standing = claimed.standing.ok_or(Reason::UnknownClick)?;
    let link = facts.link_by_number(&report.workspace_id, standing.link_number);
    Ok(NamedClick {
        id: claimed.id.clone(),
        link: link.map(Arc::clone),
        clicked_at: standing.clicked_at,
        new: link.map(|link| NewClick {
            id: claimed.id.clone(),
            workspace_id: report.workspace_id.clone(),
            link_id: link.id.clone(),
            verdict: "person",
            address_hash: None,
            user_agent: None,
            referrer: None,
            created_at: standing.clicked_at,
        }),
    })
}

/// Three capitals of ISO 4217, or what the program takes besides.
fn takes_currency(link: &Link, code: &str) -> bool {
    let code = code.to_ascii_uppercase();
    iso_currency::Currency::from_code(&code).is_some()
        || link
            .other_currencies
            .iter()
            .any(|other| other.eq_ignore_ascii_case(&code))
}

/// The customer as they are after the report.
struct Customer {
    row: KnownCustomer,
    is_new: bool,
    is_changed: bool,
    created_at: i64,
}

/// Step 2. What the report says of the customer is taken over, what it leaves out stays.
fn know_customer(
    event: &Event,
    known: Option<&KnownCustomer>,
    attribution: &Attribution,
) -> Customer {
    let report = event.report();
    let said = &report.customer;
    let mut row = known.cloned().unwrap_or_else(|| KnownCustomer {
        id: report.ids.customer.clone(),
        workspace_id: report.workspace_id.clone(),
        identity: String::new(),
        external_id: None,
        email: None,
        email_key: None,
        name: None,
        avatar: None,
        click_id: attribution.click_id.clone(),
        link_id: attribution.link.id.clone(),
        version: 0,
    });
    let email_key = said.email.as_deref().map(text::email_key);
    if row.external_id.is_none() {
        row.external_id.clone_from(&said.external_id);
    }
    for (column, said) in [
        (&mut row.email, &said.email),
        (&mut row.email_key, &email_key),
        (&mut row.name, &said.name),
        (&mut row.avatar, &said.avatar),
    ] {
        if said.is_some() {
            column.clone_from(said);
        }
    }
    match (&row.external_id, known) {
        (Some(external_id), _) => row.identity = identity_of_external_id(external_id),
        // An address may change hands, what a row is known by does not.
        (None, Some(_)) => {}
        (None, None) => {
            row.identity = match &row.email_key {
                Some(email) => format!("mail:{email}"),
                None => format!("event:{}", report.ids.event),
            }
        }
    }
    Customer {
        is_new: known.is_none(),
        is_changed: known.is_some_and(|known| *known != row),
        created_at: report.received_at,
        row,
    }
}

impl Customer {
    fn into_plan(self) -> (Option<NewCustomer>, Option<CustomerChange>) {
        let Self {
            row,
            is_new,
            is_changed,
            created_at,
        } = self;
        if is_new {
            let new = NewCustomer {
                id: row.id,
                workspace_id: row.workspace_id,
                identity: row.identity,
                external_id: row.external_id,
                email: row.email,
                email_key: row.email_key,
                name: row.name,
                avatar: row.avatar,
                click_id: row.click_id,
                link_id: row.link_id,
                version: 0,
                created_at,
            };
            return (Some(new), None);
        }
        let change = is_changed.then(|| CustomerChange {
            id: row.id,
            read_version: row.version,
            version: row.version + 1,
            identity: row.identity,
            external_id: row.external_id,
            email: row.email,
            email_key: row.email_key,
            name: row.name,
            avatar: row.avatar,
        });
        (None, change)
    }
}

/// Steps 4 to 6: what an event earns by which reward, or why it earns nothing.
fn earn<'a>(
    facts: &Facts,
    event: &Event,
    link: &'a Link,
    customer: &KnownCustomer,
) -> Result<(&'a VersionedReward, i64), Reason> {
    let first = facts.first_commission(&customer.id, &link.program_id, event.kind());
    match event {
        // A lead earns what the partner's group pays for one, once a customer. Programs have no such
        // reward of their own (Partli, lead tracking).
        Event::Lead(_) => {
            let reward = link.group_lead_reward.as_ref().ok_or(Reason::NoReward)?;
            match reward.reward.amount() {
                _ if first.is_some() => Err(Reason::OnlyOnce),
                Amount::Flat(amount) => Ok((reward, amount)),
                Amount::BasisPoints(_) => Err(Reason::RoundsToNothing),
            }
        }
        Event::Sale(sale) => {
            if sale.amount == 0 {
                return Err(Reason::ZeroAmount);
            }
            let group = link.group_sale_reward.as_ref();
            let found = group.or(link.program_sale_reward.as_ref());
            let versioned = found.ok_or(Reason::NoReward)?;
            let reward = versioned.reward;
            reward.still_pays(first, sale.report.occurred_at)?;
            let earned = reward.earn(sale.amount, sale.currency, link.program_currency)?;
            Ok((versioned, earned))
        }
    }
}

fn recorded_sale(event: &Event, commission_amount: i64) -> Option<RecordedSale> {
    let Event::Sale(sale) = event else {
        return None;
    };
    Some(RecordedSale {
        amount: sale.amount,
        currency: sale.currency,
        commission_amount,
        invoice_id: sale.invoice_id.clone(),
        payment_processor: sale.payment_processor.clone(),
    })
}

/// Step 7.
fn commission(
    event: &Event,
    link: &Link,
    customer: &KnownCustomer,
    reward: &VersionedReward,
    amount: i64,
) -> Commission {
    let report = event.report();
    let currency = event
        .amount()
        .map_or(link.program_currency, |(_, currency)| currency);
    Commission {
        id: report.ids.commission.clone(),
        workspace_id: report.workspace_id.clone(),
        program_id: link.program_id.clone(),
        partner_id: link.partner_id.clone(),
        customer_id: customer.id.clone(),
        event_id: report.ids.event.clone(),
        reward_id: reward.id.clone(),
        kind: event.kind(),
        amount,
        currency,
        payable_at: report
            .occurred_at
            .saturating_add(link.holding_days * DAY_MS),
        occurred_at: report.occurred_at,
        created_at: report.received_at,
    }
}
