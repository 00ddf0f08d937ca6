//! Reports that were recorded.

use sqlx::FromRow;

use super::{
    Question, ReportView, Step,
    click::{ClickView, click_step},
    step,
};
use crate::{
    domain::{Amount, Reason, Reward, identity_of_external_id, money, text},
    store::{
        Problem, Result,
        pool::{Arg, Pool, args},
        query::Instant,
        rows::RewardRow,
    },
};

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

pub(super) async fn find_recorded(
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
pub(super) struct RecordedView {
    pub(super) id: String,
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
    pub(super) click_id: String,
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
    pub(super) fn view(self, click: Option<ClickView>) -> Result<ReportView> {
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
