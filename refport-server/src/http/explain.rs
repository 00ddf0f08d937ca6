//! Why a report paid or did not.

use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, StatusCode},
};

use super::{App, error::ApiError};
use crate::store::{Explanation, Question};

type Pairs = Vec<(String, String)>;

pub(super) async fn explain(
    State(app): State<App>,
    headers: HeaderMap,
    pairs: Result<Query<Pairs>, QueryRejection>,
) -> Result<Json<Explanation>, ApiError> {
    let caller = app.caller(&headers).await?;
    let pairs = pairs.map(|Query(pairs)| pairs).unwrap_or_default();
    let question = question(pairs).ok_or_else(|| {
        let message = "give one of invoiceId, customerExternalId and clickId, with a value";
        ApiError::validation(StatusCode::BAD_REQUEST, message)
    })?;
    let workspace_id = caller.workspace_id.clone();
    Ok(Json(app.0.store.explain_in(workspace_id, question).await?))
}

/// The one thing that is asked about; anything else beside it would be left out without a word.
fn question(pairs: Pairs) -> Option<Question> {
    let [(name, value)] = <[_; 1]>::try_from(pairs).ok()?;
    if value.trim().is_empty() {
        return None;
    }
    match name.as_str() {
        "invoiceId" => Some(Question::Invoice(value)),
        "customerExternalId" => Some(Question::Customer(value)),
        "clickId" => Some(Question::Click(value.trim().to_owned())),
        _ => None,
    }
}
