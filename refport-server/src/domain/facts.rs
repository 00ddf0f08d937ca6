use std::{collections::HashMap, sync::Arc};

use refport_core::Currency;

use super::{Event, Kind, Plan, Recorded, Report, Reward, text};

/// What is known of everything that a batch of events touches. A store loads it; deciding an event
/// adds what that event changes, so that two events of one batch see each other.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    recorded: HashMap<EventKey, Arc<Recorded>>,
    recorded_as_itself: HashMap<String, Arc<Recorded>>,
    clicks: HashMap<String, Click>,
    links: HashMap<String, Arc<Link>>,
    links_by_number: HashMap<(String, i64), String>,
    customers: HashMap<String, KnownCustomer>,
    by_identity: HashMap<(String, String), String>,
    by_email: HashMap<(String, String), Vec<String>>,
    by_click: HashMap<String, Vec<String>>,
    first_commissions: HashMap<(String, String, Kind), i64>,
}

type EventKey = (String, Kind, String);

/// A click whose row is there.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Click {
    pub(crate) id: String,
    pub(crate) workspace_id: String,
    /// `None` once the link is gone.
    pub(crate) link_id: Option<String>,
    pub(crate) created_at: i64,
}

/// A link with all that hangs on it: whose it is, and what they earn.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Link {
    pub(crate) id: String,
    pub(crate) workspace_id: String,
    pub(crate) number: i64,
    pub(crate) key: String,
    pub(crate) destination: String,
    pub(crate) partner_id: String,
    pub(crate) partner_email_key: String,
    pub(crate) program_id: String,
    pub(crate) program_currency: Currency,
    /// Codes that are not in ISO 4217 and the program takes all the same.
    pub(crate) other_currencies: Vec<String>,
    pub(crate) holding_days: i64,
    pub(crate) program_sale_reward: Option<VersionedReward>,
    pub(crate) group_sale_reward: Option<VersionedReward>,
    pub(crate) group_lead_reward: Option<VersionedReward>,
}

/// A reward and the row that states it. A new rule is a new row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct VersionedReward {
    pub(crate) id: String,
    pub(crate) reward: Reward,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct KnownCustomer {
    pub(crate) id: String,
    pub(crate) workspace_id: String,
    pub(crate) identity: String,
    pub(crate) external_id: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) email_key: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) avatar: Option<String>,
    /// The first attribution, which stays.
    pub(crate) click_id: String,
    pub(crate) link_id: String,
    pub(crate) version: i64,
}

/// What there is one customer of, by an external ID.
pub(crate) fn identity_of_external_id(external_id: &str) -> String {
    format!("ext:{}", text::canonical(external_id))
}

// What a store puts in.
impl Facts {
    pub(crate) fn add_recorded(&mut self, recorded: Arc<Recorded>) {
        if let Some(key) = &recorded.key {
            let key = (recorded.workspace_id.clone(), recorded.kind, key.clone());
            self.recorded.insert(key, recorded);
        }
    }

    /// An event that was written under the very ID of one that is to be decided: an earlier try whose
    /// answer was lost.
    pub(crate) fn add_recorded_as_itself(&mut self, recorded: Arc<Recorded>) {
        self.recorded_as_itself
            .insert(recorded.id.clone(), recorded);
    }

    pub(crate) fn add_click(&mut self, click: Click) {
        self.clicks.insert(click.id.clone(), click);
    }

    pub(crate) fn add_link(&mut self, link: Arc<Link>) {
        let number = (link.workspace_id.clone(), link.number);
        self.links_by_number.insert(number, link.id.clone());
        self.links.insert(link.id.clone(), link);
    }

    pub(crate) fn add_customer(&mut self, customer: KnownCustomer) {
        let workspace = || customer.workspace_id.clone();
        let identity = (workspace(), customer.identity.clone());
        self.by_identity.insert(identity, customer.id.clone());
        if let Some(email) = &customer.email_key {
            let email = (workspace(), email.clone());
            add_once(self.by_email.entry(email).or_default(), &customer.id);
        }
        let same_click = self.by_click.entry(customer.click_id.clone()).or_default();
        add_once(same_click, &customer.id);
        self.customers.insert(customer.id.clone(), customer);
    }

    /// When the first commission of this kind was earned with this customer, in this program, by
    /// whomever; voided ones do not count.
    pub(crate) fn add_first_commission(
        &mut self,
        customer_id: String,
        program_id: String,
        kind: Kind,
        occurred_at: i64,
    ) {
        let first = self
            .first_commissions
            .entry((customer_id, program_id, kind))
            .or_insert(occurred_at);
        *first = occurred_at.min(*first);
    }
}

// What a store looks at to know what else to load.
impl Facts {
    pub(crate) fn has_link(&self, id: &str) -> bool {
        self.links.contains_key(id)
    }

    pub(crate) fn has_link_number(&self, workspace_id: &str, number: i64) -> bool {
        let key = (workspace_id.to_owned(), number);
        self.links_by_number.contains_key(&key)
    }
}

// What deciding asks.
impl Facts {
    pub(super) fn recorded_before(&self, event: &Event) -> Option<&Arc<Recorded>> {
        let report = event.report();
        if let Some(itself) = self.recorded_as_itself.get(&report.ids.event) {
            return Some(itself);
        }
        let workspace_id = report.workspace_id.clone();
        let key = (workspace_id, event.kind(), event.key()?.to_owned());
        self.recorded.get(&key)
    }

    pub(super) fn click(&self, report: &Report, id: &str) -> Option<&Click> {
        let click = self.clicks.get(id);
        click.filter(|click| click.workspace_id == report.workspace_id)
    }

    pub(super) fn link(&self, id: &str) -> Option<&Arc<Link>> {
        self.links.get(id)
    }

    pub(super) fn link_by_number(&self, workspace_id: &str, number: i64) -> Option<&Arc<Link>> {
        let key = (workspace_id.to_owned(), number);
        self.link(self.links_by_number.get(&key)?)
    }

    pub(super) fn first_commission(
        &self,
        customer_id: &str,
        program_id: &str,
        kind: Kind,
    ) -> Option<i64> {
        let key = (customer_id.to_owned(), program_id.to_owned(), kind);
        self.first_commissions.get(&key).copied()
    }

    pub(super) fn customer_by_external_id(
        &self,
        workspace_id: &str,
        external_id: &str,
    ) -> Option<&KnownCustomer> {
        let key = (
            workspace_id.to_owned(),
            identity_of_external_id(external_id),
        );
        self.customers.get(self.by_identity.get(&key)?)
    }

    /// Oldest first.
    pub(super) fn customers_by_email<'a>(
        &'a self,
        workspace_id: &str,
        email: &str,
    ) -> impl Iterator<Item = &'a KnownCustomer> {
        let key = (workspace_id.to_owned(), text::email_key(email));
        self.oldest_first(self.by_email.get(&key))
    }

    /// Oldest first.
    pub(super) fn customers_by_click<'a>(
        &'a self,
        click_id: &str,
    ) -> impl Iterator<Item = &'a KnownCustomer> {
        self.oldest_first(self.by_click.get(click_id))
    }

    fn oldest_first(&self, ids: Option<&Vec<String>>) -> impl Iterator<Item = &KnownCustomer> {
        let mut ids: Vec<&String> = ids.into_iter().flatten().collect();
        ids.sort_unstable();
        ids.into_iter().filter_map(|id| self.customers.get(id))
    }

    /// What the plan will have changed once it is written.
    pub(super) fn learn(&mut self, plan: &Plan) {
        if let Some(click) = &plan.click {
            self.add_click(Click {
                id: click.id.clone(),
                workspace_id: click.workspace_id.clone(),
                link_id: Some(click.link_id.clone()),
                created_at: click.created_at,
            });
        }
        if let Some(new) = &plan.new_customer {
            self.add_customer(KnownCustomer {
                id: new.id.clone(),
                workspace_id: new.workspace_id.clone(),
                identity: new.identity.clone(),
                external_id: new.external_id.clone(),
                email: new.email.clone(),
                email_key: new.email_key.clone(),
                name: new.name.clone(),
                avatar: new.avatar.clone(),
                click_id: new.click_id.clone(),
                link_id: new.link_id.clone(),
                version: new.version,
            });
        }
        if let Some(change) = &plan.customer_change
            && let Some(known) = self.customers.remove(&change.id)
        {
            let old = (known.workspace_id.clone(), known.identity.clone());
            self.by_identity.remove(&old);
            if let Some(email) = &known.email_key {
                let email = (known.workspace_id.clone(), email.clone());
                if let Some(ids) = self.by_email.get_mut(&email) {
                    ids.retain(|id| *id != known.id);
                }
            }
            self.add_customer(KnownCustomer {
                identity: change.identity.clone(),
                external_id: change.external_id.clone(),
                email: change.email.clone(),
                email_key: change.email_key.clone(),
                name: change.name.clone(),
                avatar: change.avatar.clone(),
                version: change.version,
                ..known
            });
        }
        if let Some(event) = &plan.event {
            self.add_recorded(Arc::clone(event));
        }
        if let Some(commission) = &plan.commission {
            self.add_first_commission(
                commission.customer_id.clone(),
                commission.program_id.clone(),
                commission.kind,
                commission.occurred_at,
            );
        }
    }
}

fn add_once(ids: &mut Vec<String>, id: &str) {
    if !ids.iter().any(|known| known == id) {
        ids.push(id.to_owned());
    }
}
