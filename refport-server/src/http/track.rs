use axum::{
    Json,
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderName},
    response::{IntoResponse, Response},
};
use refport_core::Timestamp;
use serde_json::{Map, Value};

use super::{App, body, error::ApiError};
use crate::{
    dialect::{Dialect, Envelope, InvalidField, Refused},
    domain::{
        Event, Kind, Outcome, Reason, Refusal, Standing,
        click_id::Claim,
        id::{self, Prefix},
        text::canonical,
    },
    store::query::Caller,
};

/// The header by which clients tell a repeat where the body has nothing to tell it by
/// (draft-ietf-httpapi-idempotency-key-header).
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const MAX_KEY: usize = 255;

pub(super) async fn lead(
    State(app): State<App>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    app.record(Kind::Lead, &headers, body).await
}

pub(super) async fn sale(
    State(app): State<App>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    app.record(Kind::Sale, &headers, body).await
}

impl App {
    /// Whatever goes wrong is told in the dialect of the body, so that is looked at first.
    async fn record(
        &self,
        kind: Kind,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<Response, ApiError> {
        let parsed = body::object(&body::read(body).await?);
        let dialect = parsed.as_ref().map_or(Dialect::Refport, Dialect::of);
        let answer = self.answer(kind, headers, dialect, parsed).await;
        let answer = answer.map_err(|error| error.in_dialect(dialect))?;
        Ok(Json(answer).into_response())
    }

    async fn answer(
        &self,
        kind: Kind,
        headers: &HeaderMap,
        dialect: Dialect,
        parsed: Result<Map<String, Value>, String>,
    ) -> Result<Value, ApiError> {
        let caller = self.caller(headers).await?;
        let fields = parsed.map_err(|problem| ApiError::validation(Dialect::INVALID, problem))?;
        let received_at = Timestamp::now().as_millis();
        let read = idempotency_key(headers).and_then(|idempotency_key| {
            let envelope = Envelope {
                workspace_id: caller.workspace_id.clone(),
                domain: self.0.domain.clone(),
                policy: self.0.policy(dialect),
                idempotency_key,
                received_at,
            };
            match kind {
                Kind::Lead => dialect.read_lead(&fields, envelope).map(Event::Lead),
                Kind::Sale => dialect.read_sale(&fields, envelope).map(Event::Sale),
            }
        });
        let mut event = match read {
            Ok(event) => event,
            Err(problem) => {
                let workspace_id = caller.workspace_id.clone();
                let refusal = unreadable(kind, workspace_id, &fields, &problem, received_at);
                self.0.store.refuse(refusal);
                return Err(problem.into());
            }
        };
        if let Some(click) = &mut event.report_mut().click {
            click.standing = self.standing(&caller, &click.id).await?;
        }
        match self.0.store.record(event).await? {
            Outcome::Recorded(recorded) => Ok(dialect.answer(&recorded)),
            Outcome::Refused(reason) => match dialect.refused(kind, reason) {
                Refused::Answer(answer) => Ok(answer),
                Refused::Error {
                    status,
                    code,
                    message,
                } => Err(ApiError::new(status, code, message)),
            },
        }
    }

    /// What a click ID proves by itself, to the workspace whose key signed it.
    async fn standing(
        &self,
        caller: &Caller,
        click_id: &str,
    ) -> Result<Option<Standing>, ApiError> {
        let mut claim = caller.keys.read(click_id);
        if claim == Claim::UnknownKey
            && let Some(caller) = self.0.store.refreshed(caller).await?
        {
            claim = caller.keys.read(click_id);
        }
        Ok(match claim {
            Claim::Standing(standing) => Some(standing),
            Claim::Opaque | Claim::UnknownKey | Claim::Forged => None,
        })
    }
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, InvalidField> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else {
        return Ok(None);
    };
    let invalid = |problem| InvalidField::new("Idempotency-Key", problem);
    let text = value
        .to_str()
        .map_err(|_| invalid("must be of ASCII letters, digits and signs"))?;
    match text.trim() {
        "" => Err(invalid("is empty")),
        text if text.len() > MAX_KEY => Err(invalid("has more than 255 characters")),
        text => Ok(Some(text.to_owned())),
    }
}

/// What is kept of a report with a field that is wrong, so that somebody can say why it paid nothing.
fn unreadable(
    kind: Kind,
    workspace_id: String,
    fields: &Map<String, Value>,
    problem: &InvalidField,
    received_at: i64,
) -> Refusal {
    let text = |names: &[&str]| {
        let found = names.iter().find_map(|name| fields.get(*name)?.as_str());
        let text = found.filter(|text| !text.chars().any(char::is_control));
        text.map(|text| canonical(text).chars().take(255).collect::<String>())
    };
    let invoice = match kind {
        Kind::Lead => None,
        Kind::Sale => text(&["invoiceId", "externalId"]),
    };
    Refusal {
        id: id::new(Prefix::Refusal),
        workspace_id,
        kind,
        reason: Reason::Invalid,
        detail: Some(problem.to_string()),
        click_id: text(&["clickId"]),
        customer_external_id: text(&["customerExternalId"]),
        invoice_id: invoice,
        event_name: text(&["eventName"]),
        amount: None,
        currency: None,
        occurred_at: received_at,
        received_at,
    }
}
