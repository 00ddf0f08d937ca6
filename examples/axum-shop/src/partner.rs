use axum::{
    extract::State,
    http::header::CACHE_CONTROL,
    response::{Html, IntoResponse},
};
use refport_axum::EmbedTokenRequest;
use shop::{Shop, pages};

use crate::{error::ShopError, visitor::Visitor};

/// Shows a partner their portal. The token is for one page load, so nobody may store the page.
///
/// Here everyone sees the demo partner's; a real shop gives the signed-in user's own address.
pub(crate) async fn partner(
    State(shop): State<Shop>,
    Visitor(visitor): Visitor,
) -> Result<impl IntoResponse, ShopError> {
    let request = EmbedTokenRequest::partner(&shop.partner_email);
    let token = shop.refport.embed_tokens.create(request).await;
    let token = token.map_err(ShopError::portal)?;
    let page = pages::partner(visitor.as_ref(), &shop.portal_url(&token))?;
    Ok(([(CACHE_CONTROL, "no-store")], Html(page)))
}
