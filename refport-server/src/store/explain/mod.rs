//! Why a report paid or did not: click, customer, event, reward, arithmetic, outcome.

mod click;
mod recorded;
mod refused;

use serde::Serialize;

use self::{
    click::{click_step, find_click},
    recorded::find_recorded,
    refused::find_refused,
};
use super::{
    Problem, Result, Store,
    pool::{Pool, args},
    query::Instant,
};

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
