use axum::{
    extract::FromRequestParts,
    http::{HeaderValue, header::COOKIE, request::Parts},
};
use shop::{Session, Shop, User};

use crate::error::ShopError;

/// Whoever sends the request: the signed-in user, or nobody we know.
pub(crate) struct Visitor(pub(crate) Option<User>);

impl FromRequestParts<Shop> for Visitor {
    type Rejection = ShopError;

    async fn from_request_parts(parts: &mut Parts, shop: &Shop) -> Result<Self, ShopError> {
        let cookies = parts.headers.get_all(COOKIE).iter();
        let cookies = cookies.filter_map(|header: &HeaderValue| header.to_str().ok());
        Ok(Self(match Session::from_cookies(cookies) {
            Some(session) => shop.store.user(session).await?,
            None => None,
        }))
    }
}
