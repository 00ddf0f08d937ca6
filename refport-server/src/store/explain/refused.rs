//! Reports that were refused.

use sqlx::FromRow;

use super::{
    Question, ReportView,
    click::{ClickView, click_step},
    step,
};
use crate::{
    domain::{Reason, money, text},
    store::{
        Problem, Result,
        pool::{Pool, args},
        query::Instant,
    },
};

pub(super) async fn find_refused(
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
pub(super) struct RefusedView {
    pub(super) id: String,
    kind: String,
    reason: String,
    detail: Option<String>,
    pub(super) click_id: Option<String>,
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
    pub(super) fn view(self, click: Option<&ClickView>) -> Result<ReportView> {
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
