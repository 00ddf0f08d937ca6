use axum_core::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header::CONTENT_TYPE};

/// The visitor has no click ID, and the handler asked for one. Answers 400.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClickIdRejection(pub(crate) ());

impl std::fmt::Display for ClickIdRejection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(
            "the request carries no click ID: no referral link was followed, or its cookie is gone",
        )
    }
}

impl std::error::Error for ClickIdRejection {}

impl IntoResponse for ClickIdRejection {
    fn into_response(self) -> Response {
        json(StatusCode::BAD_REQUEST, "CLICK_ID_MISSING", &self)
    }
}

/// The envelope of Refport's own errors. Code and message are ours and need no escaping.
fn json(status: StatusCode, code: &str, message: &dyn std::fmt::Display) -> Response {
    let body = format!(r#"{{"error":{{"code":"{code}","message":"{message}"}}}}"#);
    let json = HeaderValue::from_static("application/json");
    (status, [(CONTENT_TYPE, json)], body).into_response()
}
