use actix_web::{
    HttpResponse,
    http::header::{ContentType, LOCATION, SET_COOKIE},
    web::{self, Html},
};
use refport_actix::{ClickId, Lead, OrWarn, Track};
use shop::{Shop, SignUpForm, SignedUp, pages};

use crate::{error::ShopError, visitor::Visitor};

pub(crate) async fn form(Visitor(visitor): Visitor) -> Result<Html, ShopError> {
    let empty = SignUpForm::default();
    Ok(Html::new(pages::sign_up(visitor.as_ref(), &empty, None)?))
}

pub(crate) async fn sign_up(
    shop: web::Data<Shop>,
    Visitor(visitor): Visitor,
    click_id: Option<ClickId>,
    track: Track,
    form: web::Form<SignUpForm>,
) -> Result<HttpResponse, ShopError> {
    let new_user = match form.check() {
        Ok(new_user) => new_user,
        Err(problem) => {
            let page = pages::sign_up(visitor.as_ref(), &form, Some(problem))?;
            return Ok(HttpResponse::UnprocessableEntity()
                .content_type(ContentType::html())
                .body(page));
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
    Ok(HttpResponse::SeeOther()
        .insert_header((SET_COOKIE, session.set_cookie()))
        .insert_header((LOCATION, "/"))
        .finish())
}
