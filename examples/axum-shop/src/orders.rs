use axum::{
    Form,
    extract::{Path, State},
    response::{Html, Redirect},
};
use refport_axum::{ClickId, OrWarn, Sale, Track};
use shop::{CheckoutForm, Order, Product, Shop, pages};

use crate::{error::ShopError, visitor::Visitor};

pub(crate) async fn checkout(
    State(shop): State<Shop>,
    Visitor(visitor): Visitor,
    click_id: Option<ClickId>,
    track: Track,
    Form(form): Form<CheckoutForm>,
) -> Result<Redirect, ShopError> {
    let Some(user) = visitor else {
        return Ok(Redirect::to("/signup"));
    };
    let product = Product::find(&form.product).ok_or(ShopError::not_found())?;
    // One transaction: an order that is committed is an order that is reported.
    let mut tx = shop.store.begin().await?;
    let order = Order::place(&mut tx, &user, product).await?;
    if let Some(click_id) = click_id {
        let sale = Sale::new(click_id, &user.id, order.amount_cents)
            .currency("usd")
            .invoice_id(&order.id) // a repeat with the same ID counts once
            .customer_email(&user.email);
        // A worker delivers it, see `shop`'s `delivery.rs`.
        track.sale_in(&mut *tx, sale).await.or_roll_back()?; // the database failed: no order either
    }
    tx.commit().await?;
    Ok(Redirect::to(&format!("/orders/{}", order.id)))
}

pub(crate) async fn order(
    State(shop): State<Shop>,
    Visitor(visitor): Visitor,
    Path(id): Path<String>,
) -> Result<Html<String>, ShopError> {
    let user = visitor.ok_or(ShopError::not_found())?;
    let order = shop.store.order(&user, id).await?;
    let order = order.ok_or(ShopError::not_found())?;
    Ok(Html(pages::order(&user, &order)?))
}
