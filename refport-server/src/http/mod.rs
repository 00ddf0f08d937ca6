//! What the server answers, a file for each family of paths.

mod api;
mod auth;
pub(crate) mod body;
mod embed_token;
pub(crate) mod error;
mod explain;
mod link;
mod portal;
mod track;
mod visitor;

use std::{any::Any, sync::Arc};

use axum::{
    Router,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use tower_http::catch_panic::CatchPanicLayer;

use self::{auth::RateLimit, error::ApiError};
use crate::{Config, Store, dialect::Dialect, domain::Policy};

/// What every route shares.
#[derive(Clone, Debug)]
struct App(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    public_url: String,
    domain: String,
    rate_limit: Option<RateLimit>,
    strict_refport: bool,
    strict_partli: bool,
}

impl Inner {
    /// Both services' documents may be taken by their letter; by default whoever runs the server wants
    /// the partner of a known customer paid.
    const fn policy(&self, dialect: Dialect) -> Policy {
        let is_strict = match dialect {
            Dialect::Refport => self.strict_refport,
            Dialect::Partli => self.strict_partli,
        };
        Policy {
            unknown_click_is_forgiven: !is_strict,
            missing_click_is_forgiven: !is_strict,
        }
    }
}

/// The whole server as an axum router.
///
/// Serve it with [`serve`](crate::serve()), or within a server of your own; there, give it the
/// visitors' addresses with `into_make_service_with_connect_info::<SocketAddr>()`, else clicks are
/// recorded without the hash of one.
///
/// ```no_run
/// use refport_server::{Config, Store, router, serve};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let store = Store::open("sqlite://refport.db")?;
/// if !store.is_initialised()? {
///     println!("API key: {}", store.init()?.api_key);
/// }
/// let app = router(store, Config::new("http://127.0.0.1:4800"));
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:4800").await?;
/// serve(listener, app, std::future::pending()).await?;
/// # Ok(())
/// # }
/// ```
pub fn router(store: Store, config: Config) -> Router {
    store.keep_refusals(config.refusal_days());
    let app = App(Arc::new(Inner {
        strict_refport: config.is_strict_refport(),
        strict_partli: config.is_strict_partli(),
        store,
        public_url: config.public_url().to_owned(),
        domain: config.domain(),
        rate_limit: config.requests_per_second().map(RateLimit::new),
    }));
    let routes = [
        ("/api/track/lead", post(track::lead)),
        ("/api/track/sale", post(track::sale)),
        ("/api/embed/token", post(embed_token::create)),
        ("/api/commissions", get(api::commissions)),
        ("/api/partners", get(api::partners)),
        ("/api/customers/{external_id}", get(api::customer)),
        ("/api/explain", get(explain::explain)),
        ("/r/{key}", get(link::follow)),
        ("/embed/referrals", get(portal::show)),
        ("/healthz", get(api::health)),
    ];
    let mut router = Router::new();
    for (path, methods) in routes {
        // A base URL that ends in a slash makes two of them.
        router = router
            .route(&format!("/{path}"), methods.clone())
            .route(path, methods);
    }
    router
        .fallback(async || ApiError::not_found("there is nothing at this path"))
        .method_not_allowed_fallback(async || {
            ApiError::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "METHOD_NOT_ALLOWED",
                "this path does not take this method",
            )
        })
        .layer(CatchPanicLayer::custom(panicked))
        .with_state(app)
}

/// A panic is our mistake; the caller still gets JSON.
fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    tracing::error!(
        panic = text.unwrap_or("without a message"),
        "a handler panicked"
    );
    ApiError::internal().into_response()
}
