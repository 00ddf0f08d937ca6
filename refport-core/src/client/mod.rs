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
mod constructors;
mod embed_tokens;
mod endpoint;
mod observe;
mod partli;
mod pause;
mod place;
mod retry;
mod retry_after;
mod settings;
mod track;
mod transport;

pub(crate) use self::place::own_runtime;
pub use self::{
    build_error::BuildError,
    builder::{Client, ClientBuilder},
    embed_tokens::EmbedTokens,
    partli::{Partli, PartliBuilder, PartliTrack},
    track::RefportTrack,
    transport::{BoxError, Transport},
};
use self::{builder::sealed::Connected, constructors::constructors};

/// Settings of a [`Refport`] client.
pub type RefportBuilder = ClientBuilder<Refport>;

/// The client of the Refport service, and of a `refport-server` of your own.
///
/// Clones share one connection pool and cost a reference count: do not wrap it in an `Arc`.
/// A call has 3 s by default, with all its attempts and waits, so that a service that is slow or gone
/// cannot hold your checkout. Once begun it goes on, within that time, when nobody waits for it any more,
/// as when the buyer leaves and the handler is dropped; and it is always told of, in its span, the metrics
/// and [`on_error`](ClientBuilder::on_error). What is not to be lost goes into an outbox
/// (`refport-outbox`).
///
/// Connections are driven by a thread of this crate's own, one for the process: however busy the threads
/// of your runtimes are, and whenever those end, they hold up none of each other's calls. Hooks and layers
/// run there, so they must not block.
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
/// let sale = Sale::new(click_id, "user_001", 4900).currency("usd").invoice_id("inv_001");
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
}

constructors!(
    Refport,
    RefportBuilder,
    "REFPORT_API_KEY",
    "REFPORT_BASE_URL",
    "REFPORT_ALLOW_HTTP"
);

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
