use axum::{
    Json,
    http::{HeaderValue, StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
};

use crate::{
    dialect::{Dialect, InvalidField},
    store::{StoreError, WriteError},
};

/// An error as it goes over the wire: JSON, always, in the dialect of the request.
///
/// What went wrong inside goes to the log, and out goes a fixed text.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
    dialect: Dialect,
    retry_after: Option<u64>,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            dialect: Dialect::Refport,
            retry_after: None,
        }
    }

    pub(crate) fn in_dialect(mut self, dialect: Dialect) -> Self {
        self.dialect = dialect;
        self
    }

    pub(crate) fn unauthorized() -> Self {
        let message =
            "the API key is missing, malformed or revoked: send `Authorization: Bearer rk_…`";
        Self::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", message)
    }

    pub(crate) fn validation(status: StatusCode, message: impl Into<String>) -> Self {
        Self::new(status, "VALIDATION_ERROR", message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NOT_FOUND", message)
    }

    /// `wait` is in whole seconds.
    pub(crate) fn rate_limited(wait: u64) -> Self {
        Self {
            retry_after: Some(wait),
            ..Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "RATE_LIMIT_EXCEEDED",
                "too many requests with this API key",
            )
        }
    }

    pub(crate) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "INTERNAL_ERROR",
            "something went wrong on our side, try again",
        )
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        tracing::error!(error = &error as &dyn std::error::Error, "request failed");
        Self::internal()
    }
}

impl From<WriteError> for ApiError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::InvalidClick => Self::new(
                StatusCode::BAD_REQUEST,
                "INVALID_CLICK_ID",
                "clickId is unknown or expired: send the value of the visitor's refp_id cookie",
            ),
            WriteError::Store(error) => error.into(),
        }
    }
}

impl From<InvalidField> for ApiError {
    fn from(error: InvalidField) -> Self {
        Self::validation(Dialect::INVALID, error.to_string())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = Json(self.dialect.error(self.code, &self.message));
        let mut response = (self.status, body).into_response();
        if let Some(wait) = self.retry_after {
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from(wait));
        }
        response
    }
}
