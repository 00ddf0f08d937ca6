use axum::{
    Json,
    body::Body,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use refport_core::Timestamp;
use serde_json::{Map, Value};

use super::{App, body};
use crate::{
    dialect::{Dialect, Envelope, InvalidField},
    error::ApiError,
    store::event::{Event, Recorded},
};

pub(super) async fn lead(
    State(app): State<App>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    app.record(&headers, body, |dialect, fields, envelope| {
        dialect.read_lead(fields, envelope).map(Event::Lead)
    })
    .await
}

pub(super) async fn sale(
    State(app): State<App>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    app.record(&headers, body, |dialect, fields, envelope| {
        dialect.read_sale(fields, envelope).map(Event::Sale)
    })
    .await
}

impl App {
    /// Whatever goes wrong is told in the dialect of the body, so that is looked at first.
    async fn record(
        &self,
        headers: &HeaderMap,
        body: Body,
        read: impl FnOnce(Dialect, &Map<String, Value>, Envelope) -> Result<Event, InvalidField>,
    ) -> Result<Response, ApiError> {
        let parsed = body::object(&body::read(body).await?);
        let dialect = parsed.as_ref().map_or(Dialect::Refport, Dialect::of);
        let answer = async {
            let caller = self.caller(headers).await?;
            let fields =
                parsed.map_err(|problem| ApiError::validation(Dialect::INVALID, problem))?;
            let envelope = Envelope {
                workspace_id: caller.workspace_id,
                domain: self.0.domain.clone(),
                at: Timestamp::now(),
            };
            let event = read(dialect, &fields, envelope)?;
            Ok(match self.0.store.write_one(event).await? {
                Recorded::Answer(answer) => dialect.answer(&answer),
                Recorded::Click | Recorded::NoLink | Recorded::NotAttributed => {
                    dialect.not_attributed()
                }
            })
        };
        let answer = answer
            .await
            .map_err(|error: ApiError| error.in_dialect(dialect))?;
        Ok(Json(answer).into_response())
    }
}
