use actix_web::web::{self, Html, Redirect};
use refport_actix::{ClickId, Sale, Track};
use shop::{CheckoutForm, Product, Shop, pages};

use crate::{error::ShopError, visitor::Visitor};

pub(crate) async fn checkout(
    shop: web::Data<Shop>,
    Visitor(visitor): Visitor,
    click_id: Option<ClickId>,
    track: Track,
    form: web::Form<CheckoutForm>,
) -> Result<Redirect, ShopError> {
    let Some(user) = visitor else {
        return Ok(Redirect::to("/signup").see_other());
    };
    let product = Product::find(&form.product).ok_or(ShopError::not_found())?;
    // The order comes first: it stands, whatever happens to tracking.
    let order = shop.store.place_order(&user, product).await?;
    if let Some(click_id) = click_id {
        let sale = Sale::new(click_id, &user.id, order.amount_cents)
            .currency("usd")
            .invoice_id(&order.id) // a repeat with the same ID counts once
            .customer_email(&user.email);
        if let Err(error) = track.sale(sale).await {
            tracing::warn!(%error, order = order.id, "sale not reported");
        }
    }
    Ok(Redirect::to(format!("/orders/{}", order.id)).see_other())
}

pub(crate) async fn order(
    shop: web::Data<Shop>,
    Visitor(visitor): Visitor,
    id: web::Path<String>,
) -> Result<Html, ShopError> {
    let user = visitor.ok_or(ShopError::not_found())?;
    let order = shop.store.order(&user, id.into_inner()).await?;
    let order = order.ok_or(ShopError::not_found())?;
    Ok(Html::new(pages::order(&user, &order)?))
}
