//! Rows that both databases read alike, and what they mean.

use sqlx::FromRow;

use crate::domain::{
    Amount, Interval, Kind, Link, Reason, Recorded, RecordedLink, RecordedSale, Reward,
    VersionedReward,
};

use super::{Problem, Result};

macro_rules! recorded {
    ($rest:literal) => {
        concat!(
            "SELECT event.id, event.workspace_id, event.kind, event.dedupe_key, event.program_id,
                    event.partner_id, event.link_id, event.customer_id, event.click_id,
                    event.named_click_id, event.event_name, customer.external_id AS customer_external_id,
                    event.customer_email, event.customer_name, event.link_domain, event.link_key,
                    event.link_destination, event.amount, event.currency, event.commission_amount,
                    event.invoice_id, event.payment_processor, event.metadata, event.reason,
                    event.self_referral, event.occurred_at, event.received_at ",
            $rest
        )
    };
}

pub(super) const RECORDED_BY_KEY: &str = recorded!(
    "FROM event JOIN customer ON customer.id = event.customer_id
     WHERE event.workspace_id = $1 AND event.kind = $2 AND event.dedupe_key = $3"
);

// `OFFSET 0` keeps the planner from turning the lookup round, into a walk over the table.
pub(super) const RECORDED_BY_KEYS: &str = recorded!(
    "FROM UNNEST($1::text[], $2::text[], $3::text[]) AS wanted (workspace_id, kind, dedupe_key)
     CROSS JOIN LATERAL (SELECT * FROM event
                         WHERE event.workspace_id = wanted.workspace_id AND event.kind = wanted.kind
                           AND event.dedupe_key = wanted.dedupe_key OFFSET 0) event
     CROSS JOIN LATERAL (SELECT external_id FROM customer
                         WHERE customer.id = event.customer_id OFFSET 0) customer"
);
pub(super) const RECORDED_BY_IDS: &str = recorded!(
    "FROM event JOIN customer ON customer.id = event.customer_id WHERE event.id = ANY($1)"
);

macro_rules! link {
    ($rest:literal) => {
        concat!(
            r#"SELECT link.id, link.workspace_id, link.number, link."key", link.destination,
                      partner.id AS partner_id, partner.email_key AS partner_email_key,
                      program.id AS program_id, program.currency AS program_currency,
                      program.other_currencies, program.holding_days,
                      ps.id AS ps_id, ps.basis_points AS ps_basis_points,
                      ps.flat_amount AS ps_flat_amount, ps.duration AS ps_duration,
                      ps.months AS ps_months,
                      gs.id AS gs_id, gs.basis_points AS gs_basis_points,
                      gs.flat_amount AS gs_flat_amount, gs.duration AS gs_duration,
                      gs.months AS gs_months,
                      gl.id AS gl_id, gl.basis_points AS gl_basis_points,
                      gl.flat_amount AS gl_flat_amount, gl.duration AS gl_duration,
                      gl.months AS gl_months
               FROM link JOIN enrollment ON enrollment.id = link.enrollment_id
                         JOIN partner ON partner.id = enrollment.partner_id
                         JOIN program ON program.id = enrollment.program_id
                         LEFT JOIN partner_group ON partner_group.id = enrollment.group_id
                         LEFT JOIN reward ps ON ps.id = program.sale_reward_id
                         LEFT JOIN reward gs ON gs.id = partner_group.sale_reward_id
                         LEFT JOIN reward gl ON gl.id = partner_group.lead_reward_id "#,
            $rest
        )
    };
}

pub(super) const LINK_BY_ID: &str = link!("WHERE link.id = $1");
pub(super) const LINK_BY_NUMBER: &str = link!("WHERE link.workspace_id = $1 AND link.number = $2");

pub(super) const LINKS: &str = link!(
    "JOIN (SELECT id FROM link WHERE id = ANY($1)
           UNION SELECT link.id FROM UNNEST($2::text[], $3::bigint[]) AS wanted (workspace_id, number)
           JOIN link ON link.workspace_id = wanted.workspace_id AND link.number = wanted.number) found
     ON found.id = link.id"
);

#[derive(Debug, FromRow)]
pub(super) struct RecordedRow {
    pub(super) id: String,
    pub(super) workspace_id: String,
    pub(super) kind: String,
    pub(super) dedupe_key: Option<String>,
    pub(super) program_id: String,
    pub(super) partner_id: String,
    pub(super) link_id: String,
    pub(super) customer_id: String,
    pub(super) click_id: String,
    pub(super) named_click_id: Option<String>,
    pub(super) event_name: String,
    pub(super) customer_external_id: Option<String>,
    pub(super) customer_email: Option<String>,
    pub(super) customer_name: Option<String>,
    pub(super) link_domain: Option<String>,
    pub(super) link_key: Option<String>,
    pub(super) link_destination: Option<String>,
    pub(super) amount: Option<i64>,
    pub(super) currency: Option<String>,
    pub(super) commission_amount: Option<i64>,
    pub(super) invoice_id: Option<String>,
    pub(super) payment_processor: Option<String>,
    pub(super) metadata: Option<String>,
    pub(super) reason: String,
    pub(super) self_referral: i64,
    pub(super) occurred_at: i64,
    pub(super) received_at: i64,
}

impl RecordedRow {
    pub(super) fn read(self) -> Result<Recorded> {
        let link = match (self.link_domain, self.link_key, self.link_destination) {
            (Some(domain), Some(key), Some(destination)) => Some(RecordedLink {
                domain,
                key,
                destination,
            }),
            _ => None,
        };
        let sale = match (self.amount, self.currency) {
            (Some(amount), Some(currency)) => Some(RecordedSale {
                amount,
                currency: currency.parse().map_err(|_| Problem::Corrupt("currency"))?,
                commission_amount: self.commission_amount.unwrap_or(0),
                invoice_id: self.invoice_id,
                payment_processor: self.payment_processor.unwrap_or_default(),
            }),
            _ => None,
        };
        Ok(Recorded {
            id: self.id,
            workspace_id: self.workspace_id,
            kind: Kind::parse(&self.kind).ok_or(Problem::Corrupt("kind of an event"))?,
            key: self.dedupe_key,
            program_id: self.program_id,
            partner_id: self.partner_id,
            link_id: self.link_id,
            customer_id: self.customer_id,
            click_id: self.click_id,
            named_click_id: self.named_click_id,
            event_name: self.event_name,
            customer_external_id: self.customer_external_id,
            customer_email: self.customer_email,
            customer_name: self.customer_name,
            link,
            sale,
            metadata: self.metadata,
            reason: Reason::parse(&self.reason).ok_or(Problem::Corrupt("reason"))?,
            self_referral: self.self_referral != 0,
            occurred_at: self.occurred_at,
            received_at: self.received_at,
        })
    }
}

#[derive(Debug)]
pub(super) struct LinkRow {
    pub(super) id: String,
    pub(super) workspace_id: String,
    pub(super) number: i64,
    pub(super) key: String,
    pub(super) destination: String,
    pub(super) partner_id: String,
    pub(super) partner_email_key: String,
    pub(super) program_id: String,
    pub(super) program_currency: String,
    pub(super) other_currencies: String,
    pub(super) holding_days: i64,
    pub(super) program_sale: RewardRow,
    pub(super) group_sale: RewardRow,
    pub(super) group_lead: RewardRow,
}

impl LinkRow {
    pub(super) fn read(self) -> Result<Link> {
        let others = self
            .other_currencies
            .split(',')
            .filter(|code| !code.is_empty());
        let currency = self.program_currency.parse();
        Ok(Link {
            other_currencies: others.map(str::to_owned).collect(),
            id: self.id,
            workspace_id: self.workspace_id,
            number: self.number,
            key: self.key,
            destination: self.destination,
            partner_id: self.partner_id,
            partner_email_key: self.partner_email_key,
            program_id: self.program_id,
            program_currency: currency.map_err(|_| Problem::Corrupt("currency"))?,
            holding_days: self.holding_days,
            program_sale_reward: self.program_sale.read()?,
            group_sale_reward: self.group_sale.read()?,
            group_lead_reward: self.group_lead.read()?,
        })
    }
}

/// A reward's columns; all are NULL where there is none.
#[derive(Debug)]
pub(super) struct RewardRow {
    pub(super) id: Option<String>,
    pub(super) basis_points: Option<i64>,
    pub(super) flat_amount: Option<i64>,
    pub(super) duration: Option<String>,
    pub(super) months: Option<i64>,
}

impl RewardRow {
    pub(super) fn read(self) -> Result<Option<VersionedReward>> {
        let (Some(id), Some(duration)) = (self.id, self.duration) else {
            return Ok(None);
        };
        let amount = match (self.basis_points, self.flat_amount) {
            (Some(points), None) => u16::try_from(points).ok().map(Amount::BasisPoints),
            (None, Some(flat)) => Some(Amount::Flat(flat)),
            _ => None,
        };
        let interval = match (duration.as_str(), self.months) {
            ("one_time", None) => Some(Interval::OneTime),
            ("recurring", Some(months)) => u16::try_from(months)
                .ok()
                .map(|months| Interval::Recurring { months }),
            ("lifetime", None) => Some(Interval::Lifetime),
            _ => None,
        };
        let reward = amount
            .zip(interval)
            .and_then(|(amount, interval)| Reward::new(amount, interval).ok());
        let reward = reward.ok_or(Problem::Corrupt("reward"))?;
        Ok(Some(VersionedReward { id, reward }))
    }
}
