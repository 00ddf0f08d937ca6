//! The client: `refport.track.lead(…)`, `refport.track.sale(…)`, `refport.embed_tokens.create(…)`.

mod answer;
mod api_key;
mod attempt;
mod backoff;
mod base_url;
#[cfg(feature = "blocking")]
pub mod blocking;
mod build_error;
mod builder;
mod call;
mod embed_tokens;
mod endpoint;
mod observe;
mod partli;
mod pause;
mod retry;
mod retry_after;
mod settings;
mod track;
mod transport;

use self::builder::sealed::Connected;
pub use self::{
    build_error::BuildError,
    builder::{Client, ClientBuilder},
    embed_tokens::EmbedTokens,
    partli::{Partli, PartliBuilder, PartliTrack},
    track::RefportTrack,
    transport::{BoxError, Transport},
};

/// Settings of a [`Refport`] client.
pub type RefportBuilder = ClientBuilder<Refport>;

/// The client of the Refport service, and of a `refport-server` of your own.
///
/// Clones share one connection pool and cost a reference count: do not wrap it in an `Arc`.
/// Calls have time budgets by default, so that a service that is slow or gone cannot hold your
/// checkout: 3 s to connect, 10 s for an attempt, 30 s for the whole call.
///
/// ```no_run
/// use refport_core::{ClickId, Lead, Refport, Sale};
///
/// # async fn run(click_id: ClickId) -> Result<(), Box<dyn std::error::Error>> {
/// let refport = Refport::from_env()?; // REFPORT_API_KEY
///
/// let lead = Lead::new(click_id.clone(), "Sign Up", "user_001");
/// refport.track.lead(lead).await?;
///
/// let sale = Sale::new(click_id, "user_001", 4900).invoice_id("inv_001");
/// if let Some(answer) = refport.track.sale(sale).await?.accepted() {
///     println!("the partner earns {:?}", answer.sale.commission_amount);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Refport {
    /// Reports leads and sales.
    pub track: RefportTrack,
    /// Makes tokens for the embedded portal.
    pub embed_tokens: EmbedTokens,
}

impl Refport {
    /// Where the Refport service lives.
    pub const DEFAULT_BASE_URL: &str = "https://app.refport.co";

    /// A client with the defaults for the Refport service.
    ///
    /// # Errors
    ///
    /// When the key is blank or cannot stand in a header, or TLS cannot be set up (a slim image
    /// without `ca-certificates`, for one).
    pub fn new(api_key: impl Into<String>) -> Result<Self, BuildError> {
        Self::builder(api_key).build()
    }

    /// A client with settings of your own.
    pub fn builder(api_key: impl Into<String>) -> RefportBuilder {
        RefportBuilder::new(api_key.into())
    }

    /// A client as the environment says: `REFPORT_API_KEY`, `REFPORT_BASE_URL` where the service
    /// is not [`DEFAULT_BASE_URL`](Self::DEFAULT_BASE_URL), and `REFPORT_ALLOW_HTTP=1` where that
    /// is plain http on another host ([`ClientBuilder::allow_http`]).
    ///
    /// # Errors
    ///
    /// When `REFPORT_API_KEY` is not set, and as [`new`](Self::new).
    pub fn from_env() -> Result<Self, BuildError> {
        RefportBuilder::from_env()?.build()
    }
}

impl Client for Refport {}

impl builder::sealed::Client for Refport {
    const DEFAULT_BASE_URL: &'static str = Self::DEFAULT_BASE_URL;
    const KEY_VARIABLE: &'static str = "REFPORT_API_KEY";
    const URL_VARIABLE: &'static str = "REFPORT_BASE_URL";
    const HTTP_VARIABLE: &'static str = "REFPORT_ALLOW_HTTP";

    fn over(Connected { endpoint, base }: Connected) -> Self {
        Self {
            track: RefportTrack::new(endpoint.clone(), &base),
            embed_tokens: EmbedTokens::new(endpoint, &base),
        }
    }
}
