use super::runtime::Runtime;
use crate::{
    Error, Lead, PartliResponse, Sale,
    client::{
        BuildError, Client, ClientBuilder,
        builder::{self, sealed::Connected},
    },
    track::Outcome,
};

/// Settings of a blocking [`Partli`] client: those of the other one.
pub type PartliBuilder = ClientBuilder<Partli>;

/// [`crate::Partli`] for programs without a runtime.
///
/// Clones share one connection pool and one runtime of a single thread, that of the caller: no
/// thread is started, and any number of threads may call at once.
///
/// ```no_run
/// use refport_core::{ClickId, Sale, blocking::Partli};
///
/// # fn run(click_id: ClickId) -> Result<(), Box<dyn std::error::Error>> {
/// let partli = Partli::from_env()?; // PARTLI_API_KEY
/// let sale = Sale::new(click_id, "user_001", 4900).invoice_id("inv_001");
/// if let Some(answer) = partli.track.sale(sale)?.accepted() {
///     println!("a partner is paid for {:?}", answer.event_id);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Partli {
    /// Reports leads and sales.
    pub track: PartliTrack,
}

impl Partli {
    /// A client with the defaults for the Partli service.
    ///
    /// # Errors
    ///
    /// As [`crate::Partli::new`].
    pub fn new(api_key: impl Into<String>) -> Result<Self, BuildError> {
        Self::builder(api_key).build()
    }

    /// A client with settings of your own.
    pub fn builder(api_key: impl Into<String>) -> PartliBuilder {
        PartliBuilder::new(api_key.into())
    }

    /// A client as the environment says, in the variables of [`crate::Partli::from_env`].
    ///
    /// # Errors
    ///
    /// As [`crate::Partli::from_env`].
    pub fn from_env() -> Result<Self, BuildError> {
        PartliBuilder::from_env()?.build()
    }
}

impl Client for Partli {}

impl builder::sealed::Client for Partli {
    const DEFAULT_BASE_URL: &'static str = crate::Partli::DEFAULT_BASE_URL;
    const KEY_VARIABLE: &'static str = <crate::Partli as builder::sealed::Client>::KEY_VARIABLE;
    const URL_VARIABLE: &'static str = <crate::Partli as builder::sealed::Client>::URL_VARIABLE;
    const HTTP_VARIABLE: &'static str = <crate::Partli as builder::sealed::Client>::HTTP_VARIABLE;

    fn over(connected: Connected) -> Self {
        let crate::Partli { track } = <crate::Partli as builder::sealed::Client>::over(connected);
        Self {
            track: PartliTrack {
                inner: track,
                runtime: Runtime::default(),
            },
        }
    }
}

/// Reports leads and sales to Partli: `partli.track`.
#[derive(Clone, Debug)]
pub struct PartliTrack {
    inner: crate::PartliTrack,
    runtime: Runtime,
}

impl PartliTrack {
    /// Reports a sign-up, as [`crate::PartliTrack::lead`].
    ///
    /// # Errors
    ///
    /// As [`crate::PartliTrack::lead`], and within an async runtime.
    pub fn lead(&self, lead: Lead) -> Result<Outcome<PartliResponse>, Error> {
        self.runtime.run(self.inner.lead(lead))
    }

    /// Reports a purchase, as [`crate::PartliTrack::sale`].
    ///
    /// # Errors
    ///
    /// As [`crate::PartliTrack::sale`], and within an async runtime.
    pub fn sale(&self, sale: Sale) -> Result<Outcome<PartliResponse>, Error> {
        self.runtime.run(self.inner.sale(sale))
    }
}
