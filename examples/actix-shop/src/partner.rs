use actix_web::{
    Responder,
    http::header::CACHE_CONTROL,
    web::{self, Html},
};
use refport_actix::EmbedTokenRequest;
use shop::{Shop, pages};

use crate::{error::ShopError, visitor::Visitor};

/// Shows a partner their portal. The token is for one page load, so nobody may store the page.
///
/// Here everyone sees the demo partner's; a real shop gives the signed-in user's own address.
pub(crate) async fn partner(
    shop: web::Data<Shop>,
    Visitor(visitor): Visitor,
) -> Result<impl Responder, ShopError> {
    let request = EmbedTokenRequest::partner(&shop.partner_email);
    let token = shop.refport.embed_tokens.create(request).await;
    let token = token.map_err(ShopError::portal)?;
    let page = pages::partner(visitor.as_ref(), &shop.portal_url(&token))?;
    Ok(Html::new(page)
        .customize()
        .insert_header((CACHE_CONTROL, "no-store")))
}
