//! The clients for programs without a runtime: the same code, and the same names.
//!
//! ```no_run
//! use refport_core::{ClickId, Sale, blocking::Refport};
//!
//! # fn run(click_id: ClickId) -> Result<(), Box<dyn std::error::Error>> {
//! let refport = Refport::from_env()?; // REFPORT_API_KEY
//! let sale = Sale::new(click_id, "user_001", 4900).invoice_id("inv_001");
//! if let Some(answer) = refport.track.sale(sale)?.accepted() {
//!     println!("the partner earns {:?}", answer.sale.commission_amount);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Within an async runtime
//!
//! A call that blocks would hold up everything else there, so it is refused: nothing is sent, and
//! the error is an [`Error::Transport`](crate::Error::Transport) that says so as its source. That
//! includes tokio's `spawn_blocking`. Use [`crate::Refport`] there, and from a thread that may
//! block `Handle::current().block_on(refport.track.sale(sale))`.

mod partli;
mod runtime;

pub use self::partli::{Partli, PartliBuilder, PartliTrack};
use self::runtime::Runtime;
use super::{
    BuildError, Client, ClientBuilder,
    builder::{self, sealed::Connected},
};
use crate::{
    EmbedToken, EmbedTokenRequest, Error, Lead, LeadResponse, Sale, SaleResponse, track::Outcome,
};

/// Settings of a blocking [`Refport`] client: those of the other one.
pub type RefportBuilder = ClientBuilder<Refport>;

/// [`crate::Refport`] for programs without a runtime.
///
/// Clones share one connection pool and one runtime of a single thread, that of the caller: no
/// thread is started, and any number of threads may call at once.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Refport {
    /// Reports leads and sales.
    pub track: RefportTrack,
    /// Makes tokens for the embedded portal.
    pub embed_tokens: EmbedTokens,
}

impl Refport {
    /// A client with the defaults for the Refport service.
    ///
    /// # Errors
    ///
    /// As [`crate::Refport::new`].
    pub fn new(api_key: impl Into<String>) -> Result<Self, BuildError> {
        Self::builder(api_key).build()
    }

    /// A client with settings of your own.
    pub fn builder(api_key: impl Into<String>) -> RefportBuilder {
        RefportBuilder::new(api_key.into())
    }

    /// A client as the environment says, in the variables of [`crate::Refport::from_env`].
    ///
    /// # Errors
    ///
    /// As [`crate::Refport::from_env`].
    pub fn from_env() -> Result<Self, BuildError> {
        RefportBuilder::from_env()?.build()
    }
}

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
        let runtime = Runtime::default();
        Self {
            track: RefportTrack {
                inner: track,
                runtime: runtime.clone(),
            },
            embed_tokens: EmbedTokens {
                inner: embed_tokens,
                runtime,
            },
        }
    }
}

/// Reports leads and sales: `refport.track`.
#[derive(Clone, Debug)]
pub struct RefportTrack {
    inner: crate::RefportTrack,
    runtime: Runtime,
}

impl RefportTrack {
    /// Reports a sign-up, as [`crate::RefportTrack::lead`].
    ///
    /// # Errors
    ///
    /// As [`crate::RefportTrack::lead`], and within an async runtime.
    pub fn lead(&self, lead: Lead) -> Result<Outcome<LeadResponse>, Error> {
        self.runtime.run(self.inner.lead(lead))
    }

    /// Reports a purchase, as [`crate::RefportTrack::sale`].
    ///
    /// # Errors
    ///
    /// As [`crate::RefportTrack::sale`], and within an async runtime.
    pub fn sale(&self, sale: Sale) -> Result<Outcome<SaleResponse>, Error> {
        self.runtime.run(self.inner.sale(sale))
    }
}

/// Makes tokens for the embedded portal: `refport.embed_tokens`.
#[derive(Clone, Debug)]
pub struct EmbedTokens {
    inner: crate::EmbedTokens,
    runtime: Runtime,
}

impl EmbedTokens {
    /// Makes a token for one partner's browser, as [`crate::EmbedTokens::create`].
    ///
    /// # Errors
    ///
    /// As [`crate::EmbedTokens::create`], and within an async runtime.
    pub fn create(&self, request: EmbedTokenRequest) -> Result<EmbedToken, Error> {
        self.runtime.run(self.inner.create(request))
    }
}
