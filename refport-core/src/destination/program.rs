use super::{Destination, Patience, Reporting};
use crate::{CookieName, Lead, Sale};

/// A destination under another name and with another cookie: for a second program of the same
/// service, or a cookie name of your own.
///
/// ```
/// use refport_core::{CookieName, Refport, destination::{Destination, Program}};
///
/// # fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let resellers = Refport::builder("rk_of_the_second_program").build()?;
/// let resellers = Program::new("resellers", CookieName::new("reseller_ref")?, resellers);
/// assert_eq!(resellers.name(), "resellers");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Program<D> {
    name: String,
    cookie_name: CookieName,
    destination: D,
}

impl<D: Destination> Program<D> {
    /// `destination` by the name `name`, with its click IDs under `cookie_name`.
    pub fn new(name: impl Into<String>, cookie_name: CookieName, destination: D) -> Self {
        Self {
            name: name.into(),
            cookie_name,
            destination,
        }
    }
}

impl<D: Destination> Destination for Program<D> {
    fn name(&self) -> &str {
        &self.name
    }

    fn cookie_name(&self) -> CookieName {
        self.cookie_name.clone()
    }

    fn needs_click(&self) -> bool {
        self.destination.needs_click()
    }

    fn counts_leads_once(&self) -> bool {
        self.destination.counts_leads_once()
    }

    fn patient(&self, patience: Patience) -> Option<Box<dyn Destination>> {
        let destination = self.destination.patient(patience)?;
        let cookie_name = self.cookie_name.clone();
        Some(Box::new(Program::new(
            self.name.clone(),
            cookie_name,
            destination,
        )))
    }

    fn report_lead(&self, lead: Lead) -> Reporting<'_> {
        self.destination.report_lead(lead)
    }

    fn report_sale(&self, sale: Sale) -> Reporting<'_> {
        self.destination.report_sale(sale)
    }
}
