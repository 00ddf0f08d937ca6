//! The site on axum: handlers, and the layer that lets nobody in who has not signed in.

use std::io;

use axum::{
    Extension, Form, Json, Router,
    extract::{Request, State},
    http::StatusCode,
    middleware::Next,
    response::{Redirect, Response},
};
use tokio::net::TcpListener;
use tower_sessions::{Session, session::Error};

use crate::{orders::Orders, users::Credentials};

/// Where the static files are.
pub const STATIC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/static");

const USER: &str = "user";

/// Whoever has signed in: [`require_user`] puts it into the extensions.
#[derive(Clone, Debug)]
pub struct User {
    /// The user's ID.
    pub id: String,
}

/// Serves on a free port and prints the address.
///
/// # Errors
///
/// When there is no port.
pub async fn serve(site: Router) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("site=http://{}", listener.local_addr()?);
    axum::serve(listener, site).await
}

/// Lets in who has signed in, and answers 401 to everybody else.
///
/// # Errors
///
/// That answer, or 500 without a session.
pub async fn require_user(
    session: Session,
    mut request: Request,
    next: Next,
) -> Result<Response, StatusCode> {
    let id = session.get(USER).await.map_err(internal)?;
    let id = id.ok_or(StatusCode::UNAUTHORIZED)?;
    request.extensions_mut().insert(User { id });
    Ok(next.run(request).await)
}

/// Signs in.
///
/// # Errors
///
/// 401 where the password is wrong.
pub async fn log_in(
    session: Session,
    Form(credentials): Form<Credentials>,
) -> Result<Redirect, StatusCode> {
    let user = credentials.check().ok_or(StatusCode::UNAUTHORIZED)?;
    session.cycle_id().await.map_err(internal)?;
    session.insert(USER, user).await.map_err(internal)?;
    Ok(Redirect::to("/account"))
}

/// Signs out.
///
/// # Errors
///
/// 500 where the session cannot be ended.
pub async fn log_out(session: Session) -> Result<Redirect, StatusCode> {
    session.flush().await.map_err(internal)?;
    Ok(Redirect::to("/"))
}

/// The account's page.
pub async fn account(Extension(user): Extension<User>) -> String {
    format!(
        "Welcome back, {}. Your orders are one page further.",
        user.id
    )
}

/// The user's orders.
pub async fn orders(State(orders): State<Orders>, Extension(user): Extension<User>) -> String {
    orders.list(&user.id)
}

/// What is sold, for other sites' scripts.
pub async fn products() -> Json<[&'static str; 2]> {
    Json(["notebook", "pen"])
}

fn internal(error: Error) -> StatusCode {
    tracing::error!(%error, "the session store failed");
    StatusCode::INTERNAL_SERVER_ERROR
}
