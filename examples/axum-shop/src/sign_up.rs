use axum::{
    Form,
    extract::State,
    http::{StatusCode, header::SET_COOKIE},
    response::{Html, IntoResponse, Redirect, Response},
};
use refport_axum::{ClickId, Lead, OrWarn, Track};
use shop::{Shop, SignUpForm, SignedUp, pages};

use crate::{error::ShopError, visitor::Visitor};

pub(crate) async fn form(Visitor(visitor): Visitor) -> Result<Html<String>, ShopError> {
    let empty = SignUpForm::default();
    Ok(Html(pages::sign_up(visitor.as_ref(), &empty, None)?))
}

pub(crate) async fn sign_up(
    State(shop): State<Shop>,
    Visitor(visitor): Visitor,
    click_id: Option<ClickId>,
    track: Track,
    Form(form): Form<SignUpForm>,
) -> Result<Response, ShopError> {
    let new_user = match form.check() {
        Ok(new_user) => new_user,
        Err(problem) => {
            let page = pages::sign_up(visitor.as_ref(), &form, Some(problem))?;
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, Html(page)).into_response());
        }
    };
    // One transaction: a user who is committed is a lead that is reported.
    let mut tx = shop.store.begin().await?;
    let SignedUp {
        user,
        is_new,
        session,
    } = new_user.sign_up(&mut tx).await?;
    if is_new && let Some(click_id) = click_id {
        let lead = Lead::new(click_id, "Sign Up", &user.id)
            .customer_email(&user.email)
            .customer_name(&user.name);
        // A worker delivers it, see `shop`'s `delivery.rs`.
        track.lead_in(&mut *tx, lead).await.or_roll_back()?; // the database failed: no user either
    }
    tx.commit().await?;
    Ok(([(SET_COOKIE, session.set_cookie())], Redirect::to("/")).into_response())
}
