use super::wait::wait;
use crate::{
    Error, Lead, PartliResponse, Sale,
    client::{
        Client, ClientBuilder,
        builder::{self, sealed::Connected},
        constructors::constructors,
    },
    track::Outcome,
};

/// Settings of a blocking [`Partli`] client: those of the other one.
pub type PartliBuilder = ClientBuilder<Partli>;

/// [`crate::Partli`] for programs without a runtime.
///
/// Clones share one connection pool, and any number of threads may call at once.
///
/// ```no_run
/// use refport_core::{ClickId, Sale, blocking::Partli};
///
/// # fn run(click_id: ClickId) -> Result<(), Box<dyn std::error::Error>> {
/// let partli = Partli::from_env()?; // PARTLI_API_KEY
/// let sale = Sale::new(click_id, "user_001", 4900).currency("usd").invoice_id("inv_001");
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
    /// Where the Partli service lives.
    pub const DEFAULT_BASE_URL: &str = crate::Partli::DEFAULT_BASE_URL;
}

constructors!(
    Partli,
    PartliBuilder,
    "PARTLI_API_KEY",
    "PARTLI_BASE_URL",
    "PARTLI_ALLOW_HTTP"
);

impl Client for Partli {}

impl builder::sealed::Client for Partli {
    const DEFAULT_BASE_URL: &'static str = crate::Partli::DEFAULT_BASE_URL;
    const KEY_VARIABLE: &'static str = <crate::Partli as builder::sealed::Client>::KEY_VARIABLE;
    const URL_VARIABLE: &'static str = <crate::Partli as builder::sealed::Client>::URL_VARIABLE;
    const HTTP_VARIABLE: &'static str = <crate::Partli as builder::sealed::Client>::HTTP_VARIABLE;

    fn over(connected: Connected) -> Self {
        let crate::Partli { track } = <crate::Partli as builder::sealed::Client>::over(connected);
        Self {
            track: PartliTrack(track),
        }
    }
}

/// Reports leads and sales to Partli: `partli.track`.
#[derive(Clone, Debug)]
pub struct PartliTrack(crate::PartliTrack);

impl PartliTrack {
    /// Reports a sign-up, as [`crate::PartliTrack::lead`].
    ///
    /// # Errors
    ///
    /// As [`crate::PartliTrack::lead`], and [`Error::Blocking`].
    pub fn lead(&self, lead: Lead) -> Result<Outcome<PartliResponse>, Error> {
        wait(self.0.lead(lead))
    }

    /// Reports a purchase, as [`crate::PartliTrack::sale`].
    ///
    /// # Errors
    ///
    /// As [`crate::PartliTrack::sale`], and [`Error::Blocking`].
    pub fn sale(&self, sale: Sale) -> Result<Outcome<PartliResponse>, Error> {
        wait(self.0.sale(sale))
    }
}
