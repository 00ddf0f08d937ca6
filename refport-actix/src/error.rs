use std::fmt;

use actix_web::{HttpResponse, ResponseError, http::StatusCode};
use serde::Serialize;

/// The visitor has no click ID, and the handler asked for one. Answers 400.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClickIdError(pub(crate) ());

impl fmt::Display for ClickIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the request carries no click ID: no referral link was followed, or its cookie is gone",
        )
    }
}

impl std::error::Error for ClickIdError {}

impl ResponseError for ClickIdError {
    fn status_code(&self) -> StatusCode {
        StatusCode::BAD_REQUEST
    }

    fn error_response(&self) -> HttpResponse {
        json(self.status_code(), "CLICK_ID_MISSING", self)
    }
}

/// Why there is no [`SignedClickId`](crate::SignedClickId).
#[cfg(feature = "signed")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignedClickIdError {
    /// The visitor has no click ID, or none with a signature that holds. Answers 400.
    Missing,
    /// The application's data has no keys to check by. Answers 500.
    NotSetUp,
}

#[cfg(feature = "signed")]
impl fmt::Display for SignedClickIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "the request carries no click ID that this site has signed",
            Self::NotSetUp => {
                "no signing keys in the application's data: \
                 add `.app_data(web::Data::new(keys))` to the `App`"
            }
        })
    }
}

#[cfg(feature = "signed")]
impl std::error::Error for SignedClickIdError {}

#[cfg(feature = "signed")]
impl ResponseError for SignedClickIdError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Missing => StatusCode::BAD_REQUEST,
            Self::NotSetUp => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let code = match self {
            Self::Missing => "CLICK_ID_MISSING",
            Self::NotSetUp => "SIGNING_NOT_SET_UP",
        };
        json(self.status_code(), code, self)
    }
}

/// The envelope of Refport's own errors.
fn json(status: StatusCode, code: &'static str, error: &dyn fmt::Display) -> HttpResponse {
    #[derive(Serialize)]
    struct Envelope {
        error: Detail,
    }

    #[derive(Serialize)]
    struct Detail {
        code: &'static str,
        message: String,
    }

    let message = error.to_string();
    HttpResponse::build(status).json(Envelope {
        error: Detail { code, message },
    })
}
