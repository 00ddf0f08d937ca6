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

/// The application has neither a client nor an outbox in its extensions, and the handler asked for
/// [`Track`](crate::Track). Answers 500.
#[cfg(feature = "client")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackRejection(pub(crate) ());

#[cfg(feature = "client")]
impl std::fmt::Display for TrackRejection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no Refport client in the extensions: add `.layer(Extension(Refport::from_env()?))` to the router")?;
        if cfg!(any(feature = "outbox", feature = "outbox-postgres")) {
            f.write_str(", or `.layer(Extension(outbox))`")?;
        }
        Ok(())
    }
}

#[cfg(feature = "client")]
impl std::error::Error for TrackRejection {}

#[cfg(feature = "client")]
impl IntoResponse for TrackRejection {
    fn into_response(self) -> Response {
        json(StatusCode::INTERNAL_SERVER_ERROR, "TRACK_NOT_SET_UP", &self)
    }
}

/// The envelope of Refport's own errors. Code and message are ours and need no escaping.
fn json(status: StatusCode, code: &str, message: &dyn std::fmt::Display) -> Response {
    let body = format!(r#"{{"error":{{"code":"{code}","message":"{message}"}}}}"#);
    let json = HeaderValue::from_static("application/json");
    (status, [(CONTENT_TYPE, json)], body).into_response()
}
