use std::pin::Pin;

use actix_web::{FromRequest, HttpRequest, dev::Payload, http::header::COOKIE, web};
use shop::{Session, Shop, User};

use crate::error::ShopError;

/// Whoever sends the request: the signed-in user, or nobody we know.
pub(crate) struct Visitor(pub(crate) Option<User>);

impl FromRequest for Visitor {
    type Error = ShopError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ShopError>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let shop = request.app_data::<web::Data<Shop>>();
        let shop = shop.expect("`main` gives the shop to every worker").clone();
        let cookies = request.headers().get_all(COOKIE);
        let session = Session::from_cookies(cookies.filter_map(|header| header.to_str().ok()));
        Box::pin(async move {
            Ok(Self(match session {
                Some(session) => shop.store.user(session).await?,
                None => None,
            }))
        })
    }
}
