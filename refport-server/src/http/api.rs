//! Reading what was recorded: newest first, in pages.

use axum::{
    Json,
    extract::{
        Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
    http::{HeaderMap, StatusCode},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{App, error::ApiError};
use crate::store::query::{CommissionRow, CustomerView, Page, PartnerView, Range};

const DEFAULT_LIMIT: u32 = 50;
const MAX_LIMIT: u32 = 100;

/// `?limit=…&cursor=…`
#[derive(Deserialize)]
pub(super) struct Paging {
    limit: Option<u32>,
    cursor: Option<String>,
}

/// `prefix` is what the list's IDs begin with.
fn range(paging: Paged, prefix: &str) -> Result<Range, ApiError> {
    let invalid = |message: String| ApiError::validation(StatusCode::BAD_REQUEST, message);
    let bounds = || invalid(format!("limit must be a number from 1 to {MAX_LIMIT}"));
    let Query(Paging { limit, cursor }) = paging.map_err(|_| bounds())?;
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(bounds());
    }
    let cursor = cursor.filter(|cursor| !cursor.is_empty());
    if cursor
        .as_ref()
        .is_some_and(|cursor| !cursor.starts_with(prefix))
    {
        return Err(invalid(
            "cursor must be the nextCursor of this list".to_owned(),
        ));
    }
    Ok(Range { limit, cursor })
}

type Paged = Result<Query<Paging>, QueryRejection>;

pub(super) async fn commissions(
    State(app): State<App>,
    headers: HeaderMap,
    paging: Paged,
) -> Result<Json<Page<CommissionRow>>, ApiError> {
    let caller = app.caller(&headers).await?;
    let range = range(paging, "com_")?;
    Ok(Json(
        app.0
            .store
            .commissions(caller.workspace_id.clone(), range)
            .await?,
    ))
}

pub(super) async fn partners(
    State(app): State<App>,
    headers: HeaderMap,
    paging: Paged,
) -> Result<Json<Page<PartnerView>>, ApiError> {
    let caller = app.caller(&headers).await?;
    let range = range(paging, "prt_")?;
    let public_url = app.0.public_url.clone();
    Ok(Json(app.0.store.partners(caller, range, public_url).await?))
}

pub(super) async fn customer(
    State(app): State<App>,
    headers: HeaderMap,
    external_id: Result<Path<String>, PathRejection>,
) -> Result<Json<CustomerView>, ApiError> {
    let caller = app.caller(&headers).await?;
    let unknown = || ApiError::not_found("there is no customer with this external ID");
    let Path(external_id) = external_id.map_err(|_| unknown())?;
    let customer = app
        .0
        .store
        .customer(caller.workspace_id.clone(), &external_id)
        .await?;
    customer.map(Json).ok_or_else(unknown)
}

pub(super) async fn health(State(app): State<App>) -> Result<Json<Value>, ApiError> {
    app.0.store.ping().await?;
    Ok(Json(json!({ "status": "ok" })))
}
