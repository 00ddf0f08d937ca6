//! Between loading and applying, for both databases: what was decided, as the rows of each table.

use std::{collections::HashMap, sync::Arc};

use refport_core::{Currency, Timestamp};
use serde::Serialize;

use crate::domain::{
    self, Commission, CustomerChange, Event, Facts, Kind, NewClick, NewCustomer, OtherAmount,
    Outcome, Plan, Recorded, Refusal,
    id::{self, Prefix},
};

/// Decides the events of a batch in their order.
pub(super) fn decide_all(facts: &mut Facts, events: &[Event]) -> (Rows, Vec<Outcome>) {
    let mut rows = Rows::default();
    let mut outcomes = Vec::with_capacity(events.len());
    for event in events {
        let (plan, outcome) = domain::decide(facts, event);
        rows.add(plan);
        outcomes.push(outcome);
    }
    rows.sort();
    (rows, outcomes)
}

/// The rows that a batch makes: each row once, whatever the number of events that touch it, so that a
/// table can be written by one statement. Where servers write at the same time, they do so in the same
/// order, which keeps them from waiting for each other in a circle.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) clicks: Vec<NewClick>,
    pub(super) new_customers: Vec<NewCustomer>,
    pub(super) customer_changes: Vec<CustomerChange>,
    pub(super) events: Vec<Arc<Recorded>>,
    pub(super) commissions: Vec<Commission>,
    pub(super) other_amounts: Vec<OtherAmount>,
    pub(super) refusals: Vec<Refusal>,
    pub(super) announcements: Vec<Announcement>,
    new_at: HashMap<String, usize>,
    change_at: HashMap<String, usize>,
}

impl Rows {
    /// Whether there is nothing to write, as where all were repeats.
    pub(super) fn is_empty(&self) -> bool {
        self.clicks.is_empty()
            && self.new_customers.is_empty()
            && self.customer_changes.is_empty()
            && self.events.is_empty()
            && self.other_amounts.is_empty()
            && self.refusals.is_empty()
    }

    fn add(&mut self, plan: Plan) {
        self.announcements.extend(announcements(&plan));
        self.clicks.extend(plan.click);
        if let Some(new) = plan.new_customer {
            self.new_at.insert(new.id.clone(), self.new_customers.len());
            self.new_customers.push(new);
        }
        if let Some(change) = plan.customer_change {
            self.add_change(change);
        }
        self.events.extend(plan.event);
        self.commissions.extend(plan.commission);
        if let Some(other) = plan.other_amount {
            self.other_amounts
                .retain(|known| known.event_id != other.event_id);
            self.other_amounts.push(other);
        }
        self.refusals.extend(plan.refusal);
    }

    fn add_change(&mut self, change: CustomerChange) {
        if let Some(new) = self.new_at.get(&change.id) {
            let new = &mut self.new_customers[*new];
            new.identity = change.identity;
            new.external_id = change.external_id;
            new.email = change.email;
            new.email_key = change.email_key;
            new.name = change.name;
            new.avatar = change.avatar;
            new.version = change.version;
        } else if let Some(earlier) = self.change_at.get(&change.id) {
            let earlier = &mut self.customer_changes[*earlier];
            let read_version = earlier.read_version;
            *earlier = CustomerChange {
                read_version,
                ..change
            };
        } else {
            self.change_at
                .insert(change.id.clone(), self.customer_changes.len());
            self.customer_changes.push(change);
        }
    }

    fn sort(&mut self) {
        self.clicks.sort_by(|a, b| a.id.cmp(&b.id));
        self.new_customers
            .sort_by(|a, b| a.identity.cmp(&b.identity));
        self.customer_changes.sort_by(|a, b| a.id.cmp(&b.id));
        self.events.sort_by(|a, b| a.key.cmp(&b.key));
        self.other_amounts
            .sort_by(|a, b| a.event_id.cmp(&b.event_id));
    }
}

/// What the workspace's webhooks are told.
#[derive(Debug)]
pub(super) struct Announcement {
    pub(super) id: String,
    pub(super) workspace_id: String,
    pub(super) kind: &'static str,
    /// The envelope: type, timestamp, data.
    pub(super) payload: String,
    pub(super) created_at: i64,
}

/// Step 8.
fn announcements(plan: &Plan) -> Vec<Announcement> {
    let mut said = Vec::new();
    let Some(event) = &plan.event else {
        return said;
    };
    let mut say = |kind, data| {
        let envelope = Envelope {
            kind,
            timestamp: instant(event.received_at),
            data,
        };
        said.push(Announcement {
            id: id::new(Prefix::OutgoingEvent),
            workspace_id: event.workspace_id.clone(),
            kind,
            payload: serde_json::to_string(&envelope).expect("its keys are text"),
            created_at: event.received_at,
        });
    };
    match event.kind {
        Kind::Lead => say("lead.created", Data::of_event(event)),
        // A zero amount is no sale.
        Kind::Sale if event.sale.as_ref().is_some_and(|sale| sale.amount > 0) => {
            say("sale.created", Data::of_event(event));
        }
        Kind::Sale => {}
    }
    if let Some(commission) = &plan.commission {
        say("commission.created", Data::of_commission(commission));
    }
    said
}

// Written as they are declared: a `Value` in between would cost five times as much, for each sale.

#[derive(Serialize)]
struct Envelope<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    timestamp: Option<Timestamp>,
    data: Data<'a>,
}

#[derive(Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
enum Data<'a> {
    Event {
        id: &'a str,
        event_name: &'a str,
        click_id: &'a str,
        link_id: &'a str,
        partner_id: &'a str,
        program_id: &'a str,
        customer: CustomerData<'a>,
        amount: Option<i64>,
        currency: Option<Currency>,
        invoice_id: Option<&'a str>,
    },
    Commission {
        id: &'a str,
        event_id: &'a str,
        partner_id: &'a str,
        program_id: &'a str,
        amount: i64,
        currency: Currency,
        status: &'static str,
        payable_at: Option<Timestamp>,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CustomerData<'a> {
    external_id: Option<&'a str>,
}

impl<'a> Data<'a> {
    fn of_event(event: &'a Recorded) -> Self {
        let sale = event.sale.as_ref();
        Self::Event {
            id: &event.id,
            event_name: &event.event_name,
            click_id: &event.click_id,
            link_id: &event.link_id,
            partner_id: &event.partner_id,
            program_id: &event.program_id,
            customer: CustomerData {
                external_id: event.customer_external_id.as_deref(),
            },
            amount: sale.map(|sale| sale.amount),
            currency: sale.map(|sale| sale.currency),
            invoice_id: sale.and_then(|sale| sale.invoice_id.as_deref()),
        }
    }

    fn of_commission(commission: &'a Commission) -> Self {
        Self::Commission {
            id: &commission.id,
            event_id: &commission.event_id,
            partner_id: &commission.partner_id,
            program_id: &commission.program_id,
            amount: commission.amount,
            currency: commission.currency,
            status: "pending",
            payable_at: instant(commission.payable_at),
        }
    }
}

fn instant(millis: i64) -> Option<Timestamp> {
    Timestamp::from_millis(millis).ok()
}
