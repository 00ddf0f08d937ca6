use std::time::Duration;

use axum::{
    body::{Body, to_bytes},
    http::StatusCode,
};
use serde_json::{Map, Value};

use tokio::time::timeout;

use super::error::ApiError;

/// The largest request body, in bytes: far above what the fields' own limits allow.
const MAX_BODY: usize = 256 * 1024;

/// How long a body may take to arrive.
const MAX_TIME: Duration = Duration::from_secs(10);

/// Reads a request's body whole.
pub(super) async fn read(body: Body) -> Result<Vec<u8>, ApiError> {
    let read = timeout(MAX_TIME, to_bytes(body, MAX_BODY)).await;
    match read.map_err(|_| too_slow())? {
        Ok(bytes) => Ok(bytes.into()),
        Err(error) if is_too_large(&error) => Err(ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "PAYLOAD_TOO_LARGE",
            format!("the body has more than {MAX_BODY} bytes"),
        )),
        Err(_) => Err(ApiError::validation(
            StatusCode::BAD_REQUEST,
            "the body broke off",
        )),
    }
}

fn too_slow() -> ApiError {
    let message = format!(
        "the body did not arrive within {} seconds",
        MAX_TIME.as_secs()
    );
    ApiError::new(StatusCode::REQUEST_TIMEOUT, "REQUEST_TIMEOUT", message)
}

fn is_too_large(error: &axum::Error) -> bool {
    std::error::Error::source(error)
        .is_some_and(|source| source.is::<http_body_util::LengthLimitError>())
}

/// The JSON object in a body, or what is wrong with it.
pub(crate) fn object(bytes: &[u8]) -> Result<Map<String, Value>, String> {
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err("the body must be a JSON object".to_owned()),
        Err(_) if bytes.is_empty() => Err("the body is empty, send a JSON object".to_owned()),
        Err(error) => Err(format!(
            "the body is not JSON: line {}, column {}",
            error.line(),
            error.column()
        )),
    }
}
