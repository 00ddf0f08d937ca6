use axum::{
    Json,
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use refport_core::Timestamp;
use serde::Serialize;

use super::{App, body, error::ApiError};
use crate::{
    dialect::{Fields, InvalidField},
    store::portal::{TokenPartner, TokenSelector},
};

/// How long a token shows the portal: three hours.
const LIFETIME_MS: i64 = 3 * 60 * 60 * 1000;
/// A field that is wrong is 422 here, as documented, and 400 on the tracking paths.
const INVALID: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EmbedToken {
    public_token: String,
    expires: Timestamp,
}

pub(super) async fn create(
    State(app): State<App>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<EmbedToken>, ApiError> {
    let bytes = body::read(body).await?;
    let caller = app.caller(&headers).await?;
    let fields = body::object(&bytes).map_err(|problem| ApiError::validation(INVALID, problem))?;
    let selector =
        read(Fields(&fields)).map_err(|error| ApiError::validation(INVALID, error.to_string()))?;
    let expires = Timestamp::from_millis(Timestamp::now().as_millis() + LIFETIME_MS)
        .map_err(|_| ApiError::internal())?;
    let token = app
        .0
        .store
        .create_embed_token(caller, selector, expires)
        .await?;
    let public_token = token.ok_or_else(|| {
        ApiError::not_found(
            "no such partner of this tenant: give partner.email to make one (and set up a program first)",
        )
    })?;
    Ok(Json(EmbedToken {
        public_token,
        expires,
    }))
}

fn read(fields: Fields<'_>) -> Result<TokenSelector, InvalidField> {
    let partner = fields.object("partner")?.map(read_partner).transpose();
    let selector = TokenSelector {
        enrollment_id: fields.optional_id("enrollmentId")?,
        tenant_id: fields.optional_id("tenantId")?,
        partner: partner.map_err(|error| error.inside("partner"))?,
    };
    if selector.enrollment_id.is_none()
        && selector.tenant_id.is_none()
        && selector.partner.is_none()
    {
        return Err(InvalidField::new(
            "partner",
            "is required, or tenantId, or enrollmentId",
        ));
    }
    Ok(selector)
}

fn read_partner(fields: Fields<'_>) -> Result<TokenPartner, InvalidField> {
    let email = fields.required_name("email")?;
    if !email.contains('@') {
        return Err(InvalidField::new("email", "must be an e-mail address"));
    }
    Ok(TokenPartner {
        email: email.trim().to_owned(),
        name: fields.name("name")?,
    })
}
