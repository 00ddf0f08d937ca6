//! The site on actix-web: handlers, and the page for errors.

use actix_identity::Identity;
use actix_web::{
    Error, HttpMessage, HttpRequest, HttpResponse,
    body::BoxBody,
    dev::ServiceResponse,
    error::{ErrorInternalServerError, ErrorUnauthorized},
    http::header::LOCATION,
    middleware::ErrorHandlerResponse,
    web::{self, Form, Html},
};

use crate::{orders::Orders, users::Credentials};

/// The page that visitors land on.
pub async fn home() -> Html {
    Html::new(include_str!("../static/index.html"))
}

/// Signs in.
///
/// # Errors
///
/// 401 where the password is wrong.
pub async fn log_in(
    request: HttpRequest,
    Form(credentials): Form<Credentials>,
) -> Result<HttpResponse, Error> {
    let user = credentials
        .check()
        .ok_or_else(|| ErrorUnauthorized("who are you?"))?;
    Identity::login(&request.extensions(), user)?;
    Ok(see_other("/account"))
}

/// Signs out.
pub async fn log_out(user: Identity) -> HttpResponse {
    user.logout();
    see_other("/")
}

/// The account's page.
///
/// # Errors
///
/// Where the session is broken, as [`id_of`].
pub async fn account(user: Identity) -> Result<String, Error> {
    let id = id_of(&user)?;
    Ok(format!(
        "Welcome back, {id}. Your orders are one page further."
    ))
}

/// The user's orders.
///
/// # Errors
///
/// As [`account`].
pub async fn orders(orders: web::Data<Orders>, user: Identity) -> Result<String, Error> {
    Ok(orders.list(&id_of(&user)?))
}

/// What is sold, for other sites' scripts.
pub async fn products() -> web::Json<[&'static str; 2]> {
    web::Json(["notebook", "pen"])
}

/// The ID of who has signed in.
///
/// # Errors
///
/// 500 where the session has none.
pub fn id_of(user: &Identity) -> Result<String, Error> {
    user.id().map_err(ErrorInternalServerError)
}

/// The page for addresses that lead nowhere.
///
/// # Errors
///
/// Never: that is how actix wants it.
pub fn not_found(
    response: ServiceResponse<BoxBody>,
) -> actix_web::Result<ErrorHandlerResponse<BoxBody>> {
    let response = response.map_body(|_, _| BoxBody::new("There is no such page here, sorry."));
    Ok(ErrorHandlerResponse::Response(
        response.map_into_left_body(),
    ))
}

fn see_other(location: &'static str) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((LOCATION, location))
        .finish()
}
