use axum::{
    http::StatusCode,
    response::{Html, IntoResponse, Response},
};
use shop::Failure;

/// Why a handler has no ordinary page: the shop's [`Failure`] as an axum response.
#[derive(Debug)]
pub(crate) struct ShopError(Failure);

impl ShopError {
    pub(crate) const fn not_found() -> Self {
        Self(Failure::NotFound)
    }

    pub(crate) const fn portal(error: refport_axum::Error) -> Self {
        Self(Failure::Portal(error))
    }
}

/// So that handlers can use `?`.
impl<E: Into<Failure>> From<E> for ShopError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for ShopError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status());
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, Html(self.0.page())).into_response()
    }
}
