//! The client of Partli: `partli.track.lead(…)`, `partli.track.sale(…)`.

mod track;

use super::{
    builder::{self, Client, ClientBuilder, sealed::Connected},
    constructors::constructors,
};
use crate::CookieName;

pub use self::track::PartliTrack;

/// Settings of a [`Partli`] client.
pub type PartliBuilder = ClientBuilder<Partli>;

/// The client of the [Partli](https://partli.app) service, and of a `refport-server` of your own.
///
/// It has the shape, the time budgets and the repeats of [`Refport`](crate::Refport), and takes
/// the same [`Sale`](crate::Sale) and [`Lead`](crate::Lead). What differs is the service:
///
/// | | Refport | Partli |
/// |---|---|---|
/// | cookie | `refp_id` | `pref_cid` ([`COOKIE_NAME`](Self::COOKIE_NAME)) |
/// | environment | `REFPORT_API_KEY`, … | `PARTLI_API_KEY`, … ([`from_env`](Self::from_env)) |
/// | a click | required | optional: without one nobody is paid |
/// | a sale's invoice ID | recommended | required |
/// | a repeat | counts a sale with an invoice ID once | counts sales and leads once |
/// | default currency | `usd` | `USD` |
/// | default event name of a sale | `Purchase` | `sale` |
/// | an unknown click | an error | an answer that says so |
/// | answer | the sale, its commission | the event's ID, whether it was attributed |
///
/// So all its calls are repeated like Refport's sale with an invoice ID, and
/// [`repeat_leads`](ClientBuilder::repeat_leads) changes nothing. Its keys begin with `pk_live_`
/// and are secret, whatever that prefix means elsewhere.
///
/// ```no_run
/// use refport_core::{ClickId, Lead, Partli, Sale};
///
/// # async fn run(click_id: ClickId) -> Result<(), Box<dyn std::error::Error>> {
/// let partli = Partli::from_env()?; // PARTLI_API_KEY
///
/// let lead = Lead::new(click_id.clone(), "Sign Up", "user_001");
/// partli.track.lead(lead).await?;
///
/// let sale = Sale::new(click_id, "user_001", 4900).currency("usd").invoice_id("inv_001");
/// if let Some(answer) = partli.track.sale(sale).await?.accepted() {
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
    pub const DEFAULT_BASE_URL: &str = "https://partli.app";

    /// The cookie in which Partli's click ID lands: `pref_cid`.
    pub const COOKIE_NAME: CookieName = CookieName::PARTLI;
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
    const DEFAULT_BASE_URL: &'static str = Self::DEFAULT_BASE_URL;
    const KEY_VARIABLE: &'static str = "PARTLI_API_KEY";
    const URL_VARIABLE: &'static str = "PARTLI_BASE_URL";
    const HTTP_VARIABLE: &'static str = "PARTLI_ALLOW_HTTP";

    fn over(Connected { endpoint, base }: Connected) -> Self {
        Self {
            track: PartliTrack::new(endpoint, &base),
        }
    }
}
