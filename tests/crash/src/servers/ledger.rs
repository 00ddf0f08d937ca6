use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::report::Answer;
use crate::counted::Counted;

/// What the shops were told, and what must be in the database therefore.
#[derive(Debug, Default)]
pub(super) struct Ledger(Mutex<Kept>);

#[derive(Debug, Default)]
pub(super) struct Kept {
    /// By invoice: the customer, and whether it earned.
    pub(super) sales: BTreeMap<String, (String, bool)>,
    /// Leads that were recorded, by their external ID.
    pub(super) leads: BTreeSet<String>,
    /// External IDs, and addresses where there is none.
    pub(super) customers: BTreeSet<String>,
    pub(super) clicks: BTreeSet<String>,
    /// Customers of whom one sale is paid.
    pub(super) once: BTreeSet<String>,
    /// Customers of whom one lead is paid.
    pub(super) lead_once: BTreeSet<String>,
    /// Reports that were answered 409.
    pub(super) quarrels: u64,
    pub(super) reports: u64,
    pub(super) busy: u64,
    pub(super) complaints: Vec<String>,
    turns: BTreeMap<&'static str, u64>,
}

#[derive(Debug, Default)]
pub(super) struct Verdict {
    pub(super) reports: u64,
    pub(super) busy: u64,
    pub(super) sales: u64,
    pub(super) commissions: u64,
    pub(super) customers: u64,
    pub(super) clicks: usize,
    /// Sales that were answered and are not there, or without their commission.
    pub(super) lost: usize,
    /// Sales that are there more often than once, or paid twice.
    pub(super) double: usize,
    pub(super) complaints: Vec<String>,
}

impl Verdict {
    pub(super) fn is_good(&self) -> bool {
        self.lost == 0 && self.double == 0 && self.complaints.is_empty() && self.sales > 0
    }
}

impl Ledger {
    pub(super) fn keep(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn turn(&self, name: &'static str) {
        *self.keep().turns.entry(name).or_default() += 1;
    }

    pub(super) fn wrong(&self, what: impl Display) {
        self.keep().complaints.push(what.to_string());
    }

    /// Notes equal answers to one report; others are wrong.
    pub(super) fn must_be_equal(&self, what: &str, answers: &[Answer]) {
        if let Some((first, rest)) = answers.split_first()
            && let Some(other) = rest.iter().find(|answer| *answer != first)
        {
            self.wrong(format!("{what} was answered {first:?} and {other:?}"));
        }
    }

    /// How often what was played.
    pub(super) fn turns(&self) -> String {
        let kept = self.keep();
        let turns = kept.turns.iter();
        let turns: Vec<String> = turns
            .map(|(name, times)| format!("{times} {name}"))
            .collect();
        turns.join(", ")
    }

    pub(super) async fn compare(&self, counted: &Counted) -> anyhow::Result<Verdict> {
        let kept = std::mem::take(&mut *self.keep());
        let mut verdict = Verdict {
            reports: kept.reports,
            busy: kept.busy,
            sales: counted
                .number("SELECT count(*) FROM event WHERE kind = 'sale' AND amount > 0")
                .await?,
            commissions: counted.number("SELECT count(*) FROM commission").await?,
            customers: counted.number("SELECT count(*) FROM customer").await?,
            clicks: kept.clicks.len(),
            complaints: kept.complaints,
            ..Verdict::default()
        };
        self.keep().turns = kept.turns;
        let mut there: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let sql = "SELECT event.invoice_id || ' ' || customer.external_id || ' ' || (commission.id IS NOT NULL)
                   FROM event JOIN customer ON customer.id = event.customer_id
                              LEFT JOIN commission ON commission.event_id = event.id
                   WHERE event.kind = 'sale' AND event.amount > 0";
        for row in counted.texts(sql).await? {
            if let Some((invoice, rest)) = row.split_once(' ') {
                there
                    .entry(invoice.to_owned())
                    .or_default()
                    .push(rest.to_owned());
            }
        }
        for (invoice, (customer, pays)) in &kept.sales {
            let found = there.remove(invoice).unwrap_or_default();
            let want = format!("{customer} {pays}");
            match found.as_slice() {
                [] => verdict.lost += 1,
                [one] if *one == want => {}
                [one] if *pays && *one == format!("{customer} false") => verdict.lost += 1,
                [one] => verdict.complaints.push(format!(
                    "{invoice} is of {one}, and was answered as of {want}"
                )),
                _ => verdict.double += 1,
            }
        }
        let unknown = there.into_keys();
        verdict
            .complaints
            .extend(unknown.map(|invoice| format!("{invoice} is there, and nobody was told so")));
        verdict.double += paid_twice(counted, "sale", &kept.once, &mut verdict.complaints).await?;
        verdict.double +=
            paid_twice(counted, "lead", &kept.lead_once, &mut verdict.complaints).await?;
        let clicks = counted.texts("SELECT id FROM click").await?;
        let clicks: BTreeSet<String> = clicks.into_iter().collect();
        let missing = kept.clicks.difference(&clicks).count();
        let totals = [
            ("customers", verdict.customers, kept.customers.len() as u64),
            ("clicks that are not there", missing as u64, 0),
        ];
        for (what, found, want) in totals {
            if found != want {
                verdict
                    .complaints
                    .push(format!("{found} {what}, and {want} it should be"));
            }
        }
        for (what, sql) in NONE {
            let found = counted.number(sql).await?;
            if found > 0 {
                verdict.complaints.push(format!("{found} {what}"));
            }
        }
        for (what, sql, want) in [
            (
                "leads",
                "SELECT count(*) FROM event WHERE kind = 'lead'",
                kept.leads.len() as u64,
            ),
            (
                "refusals",
                "SELECT count(*) FROM refusal WHERE reason = 'conflict'",
                kept.quarrels,
            ),
            (
                "refusals of other reasons",
                "SELECT count(*) FROM refusal WHERE reason <> 'conflict'",
                0,
            ),
        ] {
            let found = counted.number(sql).await?;
            if found != want {
                verdict
                    .complaints
                    .push(format!("{found} {what}, and {want} it should be"));
            }
        }
        Ok(verdict)
    }
}

/// How many of the customers have more than one commission of the kind; one that has none is a
/// complaint.
async fn paid_twice(
    counted: &Counted,
    kind: &str,
    customers: &BTreeSet<String>,
    complaints: &mut Vec<String>,
) -> anyhow::Result<usize> {
    let sql = format!(
        "SELECT coalesce(customer.external_id, customer.email) FROM commission
         JOIN customer ON customer.id = commission.customer_id WHERE commission.kind = '{kind}'
         UNION ALL SELECT customer.email FROM commission
         JOIN customer ON customer.id = commission.customer_id
         WHERE commission.kind = '{kind}' AND customer.external_id IS NOT NULL
           AND customer.email IS NOT NULL"
    );
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for customer in counted.texts(&sql).await? {
        *times.entry(customer).or_default() += 1;
    }
    let mut twice = 0;
    for customer in customers {
        match times.get(customer) {
            Some(1) => {}
            None => complaints.push(format!("no {kind} of {customer} is paid")),
            Some(_) => twice += 1,
        }
    }
    Ok(twice)
}

/// What must not be found.
const NONE: [(&str, &str); 7] = [
    (
        "events of another partner than the customer's first one",
        "SELECT count(*) FROM event JOIN customer ON customer.id = event.customer_id
         JOIN link ON link.id = customer.link_id JOIN enrollment ON enrollment.id = link.enrollment_id
         WHERE event.partner_id <> enrollment.partner_id",
    ),
    (
        "commissions that differ from their event",
        "SELECT count(*) FROM commission JOIN event ON event.id = commission.event_id
         WHERE commission.partner_id <> event.partner_id OR commission.customer_id <> event.customer_id
            OR event.reason <> 'earned' OR event.commission_amount <> commission.amount",
    ),
    (
        "events that earned, and have no commission",
        "SELECT count(*) FROM event LEFT JOIN commission ON commission.event_id = event.id
         WHERE event.reason = 'earned' AND commission.id IS NULL",
    ),
    (
        "links whose clicks by day are not their clicks",
        "SELECT count(*) FROM
           (SELECT link_id, count(*) AS clicks FROM click GROUP BY link_id) click
         FULL JOIN
           (SELECT link_id, sum(clicks) AS clicks FROM click_count GROUP BY link_id) day
         ON day.link_id = click.link_id WHERE day.clicks IS DISTINCT FROM click.clicks",
    ),
    (
        "sales more or less than announced",
        "SELECT abs((SELECT count(*) FROM outgoing_event WHERE type = 'sale.created')
                  - (SELECT count(*) FROM event WHERE kind = 'sale' AND amount > 0))",
    ),
    (
        "leads more or less than announced",
        "SELECT abs((SELECT count(*) FROM outgoing_event WHERE type = 'lead.created')
                  - (SELECT count(*) FROM event WHERE kind = 'lead'))",
    ),
    (
        "commissions more or less than announced",
        "SELECT abs((SELECT count(*) FROM outgoing_event WHERE type = 'commission.created')
                  - (SELECT count(*) FROM commission))",
    ),
];
