//! Why a report paid or did not: click, customer, event, reward, arithmetic, outcome.

use serde::Serialize;
use sqlx::FromRow;

use super::{
    Problem, Result, Store,
    pool::{Arg, Pool, args},
    query::Instant,
    rows::RewardRow,
};
use crate::domain::{Amount, Reason, Reward, identity_of_external_id, money, text};

/// Which reports are asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Question {
    /// Those of an invoice (Partli: a sale's `externalId`).
    Invoice(String),
    /// Those of a customer, by the merchant's own ID of them.
    Customer(String),
    /// Those that name a click.
    Click(String),
}

/// What is known of each report that fits a [`Question`], the latest first, up to 50.
///
/// As JSON it is what `GET /api/explain` answers, as text what `refport-server explain` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    reports: Vec<ReportView>,
    /// Where a click was asked about and no report names it: what is known of the click itself.
    click: Option<Step>,
}

impl std::fmt::Display for Explanation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(Step { text, .. }) = &self.click {
            writeln!(f, "No report names this click: {text}.")?;
        } else if self.reports.is_empty() {
            writeln!(
                f,
                "There is no such report: it never arrived, or is no longer kept."
            )?;
        }
        for report in &self.reports {
            let verb = if report.recorded {
                "recorded"
            } else {
                "refused"
            };
            writeln!(f, "{} {verb}: {}", report.kind, report.reason)?;
            for Step { step, text } in &report.steps {
                writeln!(f, "  {step:<10} {text}")?;
            }
        }
        Ok(())
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ReportView {
    kind: String,
    /// Whether it was recorded; else it was refused, and a later, right one still counts.
    recorded: bool,
    /// The step that decided.
    reason: &'static str,
    explanation: &'static str,
    occurred_at: Instant,
    received_at: Instant,
    event_id: Option<String>,
    event_name: Option<String>,
    invoice_id: Option<String>,
    customer_external_id: Option<String>,
    click_id: Option<String>,
    partner_id: Option<String>,
    reward_id: Option<String>,
    amount: Option<i64>,
    currency: Option<String>,
    commission_id: Option<String>,
    commission_amount: Option<i64>,
    /// What happened, in order, as sentences.
    steps: Vec<Step>,
}

#[derive(Clone, Debug, Serialize)]
struct Step {
    /// `click`, `customer`, `event`, `reward`, `arithmetic` or `outcome`.
    step: &'static str,
    text: String,
}

fn step(step: &'static str, text: impl Into<String>) -> Step {
    Step {
        step,
        text: text.into(),
    }
}

/// So many reports are explained at once.
const MOST: i64 = 50;

impl Store {
    /// Tells why reports paid or did not: click, customer, event, reward, arithmetic, outcome. Of the
    /// database's first workspace.
    ///
    /// Blocks for the time of some reads.
    ///
    /// # Errors
    ///
    /// When there is no workspace, or the database cannot be read.
    pub fn explain(&self, question: &Question) -> Result<Explanation> {
        let (pool, question) = (self.0.pool.clone(), question.clone());
        self.run_blocking(async move {
            let sql = "SELECT id FROM workspace ORDER BY id LIMIT 1";
            let found: Option<(String,)> = pool.fetch_optional(sql, args![]).await?;
            let (workspace_id,) = found.ok_or_else(|| {
                Problem::Refused(
                    "the database is empty; set it up with `refport-server init`".to_owned(),
                )
            })?;
            explain(&pool, &workspace_id, &question).await
        })
    }

    pub(crate) async fn explain_in(
        &self,
        workspace_id: String,
        question: Question,
    ) -> Result<Explanation> {
        let pool = self.0.pool.clone();
        self.run(async move { explain(&pool, &workspace_id, &question).await })
            .await
    }
}

async fn explain(pool: &Pool, workspace_id: &str, question: &Question) -> Result<Explanation> {
    let mut reports = Vec::new();
    for row in find_recorded(pool, workspace_id, question).await? {
        let click = find_click(pool, workspace_id, &row.click_id).await?;
        reports.push((made(&row.id), row.view(click)?));
    }
    for row in find_refused(pool, workspace_id, question).await? {
        let click = match &row.click_id {
            Some(click_id) => find_click(pool, workspace_id, click_id).await?,
            None => None,
        };
        reports.push((made(&row.id), row.view(click.as_ref())?));
    }
    reports.sort_by(|(a, _), (b, _)| b.cmp(a));
    let mut reports: Vec<ReportView> = reports.into_iter().map(|(_, report)| report).collect();
    reports.truncate(usize::try_from(MOST).expect("a small number"));
    let click = match question {
        Question::Click(click_id) if reports.is_empty() => {
            let found = find_click(pool, workspace_id, click_id).await?;
            Some(click_step(Some(click_id), found.as_ref()))
        }
        _ => None,
    };
    Ok(Explanation { reports, click })
}

/// The part of an ID by which it sorts: when it was made.
fn made(id: &str) -> String {
    let (_, made) = id.split_once('_').unwrap_or(("", id));
    made.to_owned()
}

macro_rules! recorded {
    ($rest:literal) => {
        concat!(
            "SELECT event.id, event.kind, event.event_name, event.reason, event.self_referral,
                    event.occurred_at, event.received_at, event.invoice_id, event.amount,
                    event.currency, event.other_amount, event.other_currency, event.click_id,
                    event.named_click_id, event.partner_id, customer.external_id,
                    customer.click_id AS first_click_id, customer.created_at AS customer_since,
                    commission.id AS commission_id, commission.amount AS commission_amount,
                    commission.currency AS commission_currency, commission.status,
                    commission.payable_at, reward.id AS reward_id, reward.basis_points,
                    reward.flat_amount, reward.duration, reward.months
             FROM event JOIN customer ON customer.id = event.customer_id
                        LEFT JOIN commission ON commission.event_id = event.id
                        LEFT JOIN reward ON reward.id = commission.reward_id ",
            $rest,
            " ORDER BY event.id DESC LIMIT 50"
        )
    };
}

async fn find_recorded(
    pool: &Pool,
    workspace_id: &str,
    question: &Question,
) -> Result<Vec<RecordedView>> {
    let mut found: Vec<RecordedView> = Vec::new();
    let queries: Vec<(&'static str, Vec<Arg>)> = match question {
        Question::Invoice(invoice_id) => vec![
            (
                recorded!(
                    "WHERE event.workspace_id = $1 AND event.kind = 'sale' AND event.dedupe_key = $2"
                ),
                args![workspace_id, format!("inv:{}", text::canonical(invoice_id))],
            ),
            (
                recorded!(
                    "WHERE event.workspace_id = $1 AND event.invoice_id = $2 AND event.dedupe_key IS NULL"
                ),
                args![workspace_id, invoice_id],
            ),
        ],
        Question::Customer(external_id) => vec![(
            recorded!("WHERE customer.workspace_id = $1 AND customer.identity = $2"),
            args![workspace_id, identity_of_external_id(external_id)],
        )],
        Question::Click(click_id) => vec![
            (
                recorded!("WHERE event.workspace_id = $1 AND event.click_id = $2"),
                args![workspace_id, click_id],
            ),
            (
                recorded!("WHERE event.workspace_id = $1 AND event.named_click_id = $2"),
                args![workspace_id, click_id],
            ),
        ],
    };
    for (sql, values) in queries {
        found.extend(pool.fetch_all::<RecordedView>(sql, values).await?);
    }
    Ok(found)
}

#[derive(Debug, FromRow)]
struct RecordedView {
    id: String,
    kind: String,
    event_name: String,
    reason: String,
    self_referral: i64,
    #[sqlx(try_from = "i64")]
    occurred_at: Instant,
    #[sqlx(try_from = "i64")]
    received_at: Instant,
    invoice_id: Option<String>,
    amount: Option<i64>,
    currency: Option<String>,
    other_amount: Option<i64>,
    other_currency: Option<String>,
    click_id: String,
    named_click_id: Option<String>,
    partner_id: String,
    external_id: Option<String>,
    first_click_id: String,
    #[sqlx(try_from = "i64")]
    customer_since: Instant,
    commission_id: Option<String>,
    commission_amount: Option<i64>,
    commission_currency: Option<String>,
    status: Option<String>,
    payable_at: Option<i64>,
    reward_id: Option<String>,
    basis_points: Option<i64>,
    flat_amount: Option<i64>,
    duration: Option<String>,
    months: Option<i64>,
}

impl RecordedView {
    fn view(self, click: Option<ClickView>) -> Result<ReportView> {
        let reason = Reason::parse(&self.reason).ok_or(Problem::Corrupt("reason"))?;
        let reward = RewardRow {
            id: self.reward_id.clone(),
            basis_points: self.basis_points,
            flat_amount: self.flat_amount,
            duration: self.duration.clone(),
            months: self.months,
        };
        let reward = reward.read()?.map(|versioned| versioned.reward);
        let mut steps = vec![
            click_step(Some(&self.click_id), click.as_ref()),
            self.customer_step(),
            self.event_step(),
        ];
        if let Some(reward) = &reward {
            let id = self.reward_id.as_deref().unwrap_or_default();
            steps.push(step("reward", format!("{reward} ({id})")));
            steps.push(step("arithmetic", self.arithmetic(reward)));
        }
        steps.push(self.outcome_step(reason));
        Ok(ReportView {
            kind: self.kind,
            recorded: true,
            reason: reason.as_str(),
            explanation: reason.sentence(),
            occurred_at: self.occurred_at,
            received_at: self.received_at,
            event_id: Some(self.id),
            event_name: Some(self.event_name),
            invoice_id: self.invoice_id,
            customer_external_id: self.external_id,
            click_id: Some(self.click_id),
            partner_id: Some(self.partner_id),
            reward_id: self.reward_id,
            amount: self.amount,
            currency: self.currency,
            commission_id: self.commission_id,
            commission_amount: self.commission_amount,
            steps,
        })
    }

    fn customer_step(&self) -> Step {
        let who = match &self.external_id {
            Some(external_id) => format!("customer {external_id}"),
            None => "a customer without an ID".to_owned(),
        };
        let since = self.customer_since.0;
        let mut text = format!(
            "{who}, known since {since}, belongs to partner {} by the first click {}",
            self.partner_id, self.first_click_id
        );
        if let Some(named) = &self.named_click_id {
            text.push_str(&format!(
                "; the report named the click {named}, and the first one stays"
            ));
        }
        step("customer", text)
    }

    fn event_step(&self) -> Step {
        let mut text = format!(
            "{} {} ({}), happened {}, arrived {}",
            self.kind, self.event_name, self.id, self.occurred_at.0, self.received_at.0
        );
        if let (Some(amount), Some(currency)) = (self.amount, &self.currency) {
            text.push_str(&format!(", {}", money::format(amount, currency)));
        }
        if let (Some(amount), Some(currency)) = (self.other_amount, &self.other_currency) {
            let other = money::format(amount, currency);
            text.push_str(&format!(
                "; a repeat said {other}, and the first amount stands"
            ));
        }
        step("event", text)
    }

    fn arithmetic(&self, reward: &Reward) -> String {
        let earned = match (self.commission_amount, &self.commission_currency) {
            (Some(amount), Some(currency)) => money::format(amount, currency),
            _ => "nothing".to_owned(),
        };
        match (reward.amount(), self.amount, &self.currency) {
            (Amount::BasisPoints(points), Some(amount), Some(currency)) => format!(
                "{} x {points} / 10000, half up, = {earned}",
                money::format(amount, currency)
            ),
            _ => format!("a fixed sum of {earned}"),
        }
    }

    fn outcome_step(&self, reason: Reason) -> Step {
        let mut text = reason.sentence().to_owned();
        if let (Some(status), Some(payable_at)) = (&self.status, self.payable_at)
            && let Ok(payable_at) = Instant::try_from(payable_at)
        {
            text.push_str(&format!(", {status}, payable {}", payable_at.0));
        }
        if self.self_referral != 0 {
            text.push_str("; the customer's e-mail address is the partner's own");
        }
        step("outcome", text)
    }
}

async fn find_refused(
    pool: &Pool,
    workspace_id: &str,
    question: &Question,
) -> Result<Vec<RefusedView>> {
    macro_rules! refused {
        ($column:literal) => {
            concat!(
                "SELECT id, kind, reason, detail, click_id, customer_external_id, invoice_id, event_name,
                        amount, currency, occurred_at, received_at
                 FROM refusal WHERE workspace_id = $1 AND ",
                $column,
                " = $2 ORDER BY id DESC LIMIT 50"
            )
        };
    }
    let (sql, value) = match question {
        Question::Invoice(id) => (refused!("invoice_id"), text::canonical(id).into_owned()),
        Question::Customer(id) => (
            refused!("customer_external_id"),
            text::canonical(id).into_owned(),
        ),
        Question::Click(id) => (refused!("click_id"), id.clone()),
    };
    pool.fetch_all(sql, args![workspace_id, value]).await
}

#[derive(Debug, FromRow)]
struct RefusedView {
    id: String,
    kind: String,
    reason: String,
    detail: Option<String>,
    click_id: Option<String>,
    customer_external_id: Option<String>,
    invoice_id: Option<String>,
    event_name: Option<String>,
    amount: Option<i64>,
    currency: Option<String>,
    #[sqlx(try_from = "i64")]
    occurred_at: Instant,
    #[sqlx(try_from = "i64")]
    received_at: Instant,
}

impl RefusedView {
    fn view(self, click: Option<&ClickView>) -> Result<ReportView> {
        let reason = Reason::parse(&self.reason).ok_or(Problem::Corrupt("reason"))?;
        let customer = match &self.customer_external_id {
            Some(external_id) => format!("customer {external_id}"),
            None => "no customer ID".to_owned(),
        };
        let mut event = format!("{}, happened {}", self.kind, self.occurred_at.0);
        if let (Some(amount), Some(currency)) = (self.amount, &self.currency) {
            event.push_str(&format!(", {}", money::format(amount, currency)));
        }
        let mut outcome = reason.sentence().to_owned();
        if let Some(detail) = &self.detail {
            outcome.push_str(&format!(": {detail}"));
        }
        let steps = vec![
            click_step(self.click_id.as_deref(), click),
            step("customer", customer),
            step("event", event),
            step("outcome", outcome),
        ];
        Ok(ReportView {
            kind: self.kind,
            recorded: false,
            reason: reason.as_str(),
            explanation: reason.sentence(),
            occurred_at: self.occurred_at,
            received_at: self.received_at,
            event_id: None,
            event_name: self.event_name,
            invoice_id: self.invoice_id,
            customer_external_id: self.customer_external_id,
            click_id: self.click_id,
            partner_id: None,
            reward_id: None,
            amount: self.amount,
            currency: self.currency,
            commission_id: None,
            commission_amount: None,
            steps,
        })
    }
}

#[derive(Debug, FromRow)]
struct ClickView {
    verdict: String,
    #[sqlx(try_from = "i64")]
    created_at: Instant,
    link_key: Option<String>,
    partner_id: Option<String>,
}

async fn find_click(pool: &Pool, workspace_id: &str, id: &str) -> Result<Option<ClickView>> {
    let sql = r#"SELECT click.verdict, click.created_at, link."key" AS link_key, enrollment.partner_id
                 FROM click LEFT JOIN link ON link.id = click.link_id
                            LEFT JOIN enrollment ON enrollment.id = link.enrollment_id
                 WHERE click.id = $1 AND click.workspace_id = $2"#;
    pool.fetch_optional(sql, args![id, workspace_id]).await
}

fn click_step(click_id: Option<&str>, found: Option<&ClickView>) -> Step {
    let text = match (click_id, found) {
        (None, _) => "the report named no click".to_owned(),
        (Some(id), None) => format!("{id} is not a click of this workspace"),
        (Some(id), Some(click)) => {
            let by = match click.verdict.as_str() {
                "person" => "",
                "preview" => ", by a program that previews links",
                _ => ", by a program that calls itself a crawler",
            };
            let link = match (&click.link_key, &click.partner_id) {
                (Some(key), Some(partner)) => format!("the link {key} of partner {partner}"),
                _ => "a link that is gone".to_owned(),
            };
            format!("{id} followed {link} at {}{by}", click.created_at.0)
        }
    };
    step("click", text)
}
