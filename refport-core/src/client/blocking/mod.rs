//! The clients for programs without a runtime: the same code, and the same names.
//!
//! ```no_run
//! use refport_core::{ClickId, Sale, blocking::Refport};
//!
//! # fn run(click_id: ClickId) -> Result<(), Box<dyn std::error::Error>> {
//! let refport = Refport::from_env()?; // REFPORT_API_KEY
//! let sale = Sale::new(click_id, "user_001", 4900).currency("usd").invoice_id("inv_001");
//! if let Some(answer) = refport.track.sale(sale)?.accepted() {
//!     println!("the partner earns {:?}", answer.sale.commission_amount);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A call waits for its answer on the thread that makes it, while the client's own thread does the work.
//! So it can be made anywhere that may block: in a program without a runtime, in tokio's
//! `spawn_blocking`, in actix-web's `web::block`. In async code it would hold up everything else on its
//! thread: use [`crate::Refport`] there. In a hook, a layer or a transport of the client itself it would
//! wait for itself, and is refused ([`Error::Blocking`](crate::Error::Blocking)).

mod partli;
mod wait;

pub use self::partli::{Partli, PartliBuilder, PartliTrack};
use self::wait::wait;
use super::{
    Client, ClientBuilder,
    builder::{self, sealed::Connected},
    constructors::constructors,
};
use crate::{
    EmbedToken, EmbedTokenRequest, Error, Lead, LeadResponse, Sale, SaleResponse, track::Outcome,
};

/// Settings of a blocking [`Refport`] client: those of the other one.
pub type RefportBuilder = ClientBuilder<Refport>;

/// [`crate::Refport`] for programs without a runtime.
///
/// Clones share one connection pool, and any number of threads may call at once.
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
    pub const DEFAULT_BASE_URL: &str = crate::Refport::DEFAULT_BASE_URL;
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
    const DEFAULT_BASE_URL: &'static str = crate::Refport::DEFAULT_BASE_URL;
    const KEY_VARIABLE: &'static str = <crate::Refport as builder::sealed::Client>::KEY_VARIABLE;
    const URL_VARIABLE: &'static str = <crate::Refport as builder::sealed::Client>::URL_VARIABLE;
    const HTTP_VARIABLE: &'static str = <crate::Refport as builder::sealed::Client>::HTTP_VARIABLE;

    fn over(connected: Connected) -> Self {
        let crate::Refport {
            track,
            embed_tokens,
        } = <crate::Refport as builder::sealed::Client>::over(connected);
        Self {
            track: RefportTrack(track),
            embed_tokens: EmbedTokens(embed_tokens),
        }
    }
}

/// Reports leads and sales: `refport.track`.
#[derive(Clone, Debug)]
pub struct RefportTrack(crate::RefportTrack);

impl RefportTrack {
    /// Reports a sign-up, as [`crate::RefportTrack::lead`].
    ///
    /// # Errors
    ///
    /// As [`crate::RefportTrack::lead`], and [`Error::Blocking`].
    pub fn lead(&self, lead: Lead) -> Result<Outcome<LeadResponse>, Error> {
        wait(self.0.lead(lead))
    }

    /// Reports a purchase, as [`crate::RefportTrack::sale`].
    ///
    /// # Errors
    ///
    /// As [`crate::RefportTrack::sale`], and [`Error::Blocking`].
    pub fn sale(&self, sale: Sale) -> Result<Outcome<SaleResponse>, Error> {
        wait(self.0.sale(sale))
    }
}

/// Makes tokens for the embedded portal: `refport.embed_tokens`.
#[derive(Clone, Debug)]
pub struct EmbedTokens(crate::EmbedTokens);

impl EmbedTokens {
    /// Makes a token for one partner's browser, as [`crate::EmbedTokens::create`].
    ///
    /// # Errors
    ///
    /// As [`crate::EmbedTokens::create`], and [`Error::Blocking`].
    pub fn create(&self, request: EmbedTokenRequest) -> Result<EmbedToken, Error> {
        wait(self.0.create(request))
    }
}
