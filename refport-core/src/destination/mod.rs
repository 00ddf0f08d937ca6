//! Where leads and sales are reported to: one trait over Refport, Partli and services of your own,
//! and one report to several of them.
//!
//! An application that serves several programs keeps a [`FanOut`] of their clients. Each program
//! has its own cookie and its own click IDs, and gets its own or none:
//!
//! ```no_run
//! use refport_core::{ClickId, ClickIds, CookieName, Partli, Refport, Sale, destination::FanOut};
//!
//! # async fn run(refport_click: ClickId, partli_click: ClickId) -> Result<(), Box<dyn std::error::Error>> {
//! let programs = FanOut::new()
//!     .to(Refport::from_env()?)
//!     .to(Partli::from_env()?);
//!
//! let mut clicks = ClickIds::default(); // as the layers found them, or as kept with the customer
//! clicks.insert(CookieName::REFPORT, refport_click);
//! clicks.insert(CookieName::PARTLI, partli_click);
//!
//! let sale = Sale::without_click("user_001", 4900).currency("eur").invoice_id("inv_001");
//! for report in programs.report_sale(sale, &clicks).await {
//!     match report.outcome {
//!         Ok(outcome) => println!("{}: {outcome:?}", report.destination),
//!         Err(error) => eprintln!("{}: {error}", report.destination),
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A service of your own is a [`Destination`] too:
//!
//! ```
//! use refport_core::{
//!     CookieName, Lead, Sale, Error,
//!     destination::{Destination, Reported, Reporting},
//!     track::Outcome,
//! };
//!
//! struct Ledger;
//!
//! impl Destination for Ledger {
//!     fn name(&self) -> &str {
//!         "ledger"
//!     }
//!
//!     fn cookie_name(&self) -> CookieName {
//!         CookieName::new("ledger_click").expect("a token")
//!     }
//!
//!     fn report_lead(&self, lead: Lead) -> Reporting<'_> {
//!         Box::pin(async move {
//!             println!("{}", serde_json::to_string(&lead).expect("text keys"));
//!             Ok(Outcome::Accepted(Reported::default()))
//!         })
//!     }
//!
//!     fn report_sale(&self, sale: Sale) -> Reporting<'_> {
//!         Box::pin(async move {
//!             sale.check().map_err(Error::Invalid)?;
//!             Ok(Outcome::Accepted(Reported::event("entry_1")))
//!         })
//!     }
//! }
//!
//! let destinations: Vec<Box<dyn Destination>> = vec![Box::new(Ledger)];
//! # assert_eq!(destinations[0].name(), "ledger");
//! ```

mod fan_out;
mod patience;
mod program;
mod reported;
mod services;

use std::{pin::Pin, sync::Arc};

use crate::{CookieName, Error, Lead, Sale, track::Outcome};

pub use self::{
    fan_out::{FanOut, Report},
    patience::Patience,
    program::Program,
    reported::Reported,
};

/// The call of a [`Destination`] on its way.
pub type Reporting<'a> =
    Pin<Box<dyn Future<Output = Result<Outcome<Reported>, Error>> + Send + 'a>>;

/// A service that leads and sales are reported to. [`Refport`](crate::Refport) and
/// [`Partli`](crate::Partli) are, and your own can be.
///
/// Object-safe: an outbox or an application keeps a `Box<dyn Destination>` or an
/// `Arc<dyn Destination>`, which are destinations again. Give a client that serves a second
/// program of the same service another name and cookie by [`Program`].
///
/// A call may be made again with the same lead or sale, by an outbox for one: count a sale once by
/// its invoice ID. A call should end on its own and in time. Say by the error what may help:
/// [`Error::is_retryable`] is asked before it is made again.
pub trait Destination: Send + Sync {
    /// The name by which its outcomes are told from others', as in `refport`. It stays the same
    /// for as long as reports to it are kept somewhere.
    fn name(&self) -> &str;

    /// The cookie in which its click IDs land: what tells its clicks from another program's.
    fn cookie_name(&self) -> CookieName;

    /// Whether it counts nothing without a click, so that a [`FanOut`] need not ask it. By default
    /// it is asked.
    fn needs_click(&self) -> bool {
        false
    }

    /// Whether it counts a repeated lead once, as it should count a sale by its invoice ID: then an
    /// outbox sends one again whose first attempt may have arrived. By default it does not, and
    /// such a lead is not sent again.
    fn counts_leads_once(&self) -> bool {
        false
    }

    /// The same destination for callers who wait otherwise than a handler does, where that makes a
    /// difference. `None`, the default, is as it is.
    fn patient(&self, _: Patience) -> Option<Box<dyn Destination>> {
        None
    }

    /// Reports a sign-up.
    ///
    /// # Errors
    ///
    /// The call's output tells why the lead is not reported.
    fn report_lead(&self, lead: Lead) -> Reporting<'_>;

    /// Reports a purchase.
    ///
    /// # Errors
    ///
    /// The call's output tells why the sale is not reported.
    fn report_sale(&self, sale: Sale) -> Reporting<'_>;
}

impl<D: Destination + ?Sized> Destination for Box<D> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn cookie_name(&self) -> CookieName {
        (**self).cookie_name()
    }

    fn needs_click(&self) -> bool {
        (**self).needs_click()
    }

    fn counts_leads_once(&self) -> bool {
        (**self).counts_leads_once()
    }

    fn patient(&self, patience: Patience) -> Option<Box<dyn Destination>> {
        (**self).patient(patience)
    }

    fn report_lead(&self, lead: Lead) -> Reporting<'_> {
        (**self).report_lead(lead)
    }

    fn report_sale(&self, sale: Sale) -> Reporting<'_> {
        (**self).report_sale(sale)
    }
}

impl<D: Destination + ?Sized> Destination for Arc<D> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn cookie_name(&self) -> CookieName {
        (**self).cookie_name()
    }

    fn needs_click(&self) -> bool {
        (**self).needs_click()
    }

    fn counts_leads_once(&self) -> bool {
        (**self).counts_leads_once()
    }

    fn patient(&self, patience: Patience) -> Option<Box<dyn Destination>> {
        (**self).patient(patience)
    }

    fn report_lead(&self, lead: Lead) -> Reporting<'_> {
        (**self).report_lead(lead)
    }

    fn report_sale(&self, sale: Sale) -> Reporting<'_> {
        (**self).report_sale(sale)
    }
}
