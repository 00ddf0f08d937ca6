use std::fmt;

use actix_web::{HttpResponse, ResponseError, http::StatusCode, http::header::ContentType};
use shop::Failure;

/// Why a handler has no ordinary page: the shop's [`Failure`] as an actix response.
#[derive(Debug)]
pub(crate) struct ShopError(Failure);

impl ShopError {
    pub(crate) const fn not_found() -> Self {
        Self(Failure::NotFound)
    }

    pub(crate) const fn portal(error: refport_actix::Error) -> Self {
        Self(Failure::Portal(error))
    }
}

/// So that handlers can use `?`.
impl<E: Into<Failure>> From<E> for ShopError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl fmt::Display for ShopError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "answered {}", self.status_code())
    }
}

impl ResponseError for ShopError {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.0.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::build(self.status_code())
            .content_type(ContentType::html())
            .body(self.0.page())
    }
}
