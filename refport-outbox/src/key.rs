use refport_core::Lead;

use crate::{Event, KeyError};

/// The longest key, in bytes: Postgres indexes no text of more than some 2,700.
pub(crate) const MAX_KEY: usize = 1024;

/// The key under which an event is kept once.
///
/// | event | key |
/// |---|---|
/// | a sale | `sale:` and its invoice ID |
/// | a lead | `lead:`, its event name in lower case, `:` and the customer's ID |
/// | a lead with an external ID | `lead-id:` and that |
/// | any, with a key of the caller's | `own:` and that |
pub(crate) fn of(event: &Event) -> Result<String, KeyError> {
    let key = match event {
        Event::Sale(sale) => {
            let invoice = sale.get_invoice_id().ok_or(KeyError::Missing)?;
            ["sale:", invoice].concat()
        }
        Event::Lead(lead) => match lead.get_external_id() {
            Some(id) => ["lead-id:", id].concat(),
            None => lead_key(lead),
        },
    };
    checked(key)
}

/// The key of a caller.
pub(crate) fn own(key: &str) -> Result<String, KeyError> {
    if key.trim().is_empty() {
        return Err(KeyError::Blank);
    }
    checked(format!("own:{key}"))
}

/// As the service counts leads: by customer and event name, whatever its case. A colon or a
/// backslash in the name is escaped, so that no two pairs have the same key.
fn lead_key(lead: &Lead) -> String {
    let mut name = lead.get_event_name().trim().to_lowercase();
    if name.contains([':', '\\']) {
        name = name.replace('\\', "\\\\").replace(':', "\\:");
    }
    ["lead:", &name, ":", lead.get_customer_external_id()].concat()
}

/// Postgres refuses both, and would break the caller's transaction with it.
fn checked(key: String) -> Result<String, KeyError> {
    if key.len() > MAX_KEY {
        return Err(KeyError::TooLong);
    }
    if key.contains('\0') {
        return Err(KeyError::Nul);
    }
    Ok(key)
}

/// Whether a repeat of the event counts once by a key that it carries: the invoice ID of a sale.
pub(crate) fn counts_once(event: &Event) -> bool {
    matches!(event, Event::Sale(sale) if sale.get_invoice_id().is_some())
}

#[cfg(test)]
mod tests {
    use refport_core::{Lead, Sale};

    use super::*;

    fn key(event: impl Into<Event>) -> Result<String, KeyError> {
        of(&event.into())
    }

    #[test]
    fn keys_are_the_documented_ones() {
        let sale = || Sale::without_click("u", 1);
        assert_eq!(
            key(sale().invoice_id("inv \"1\"")).unwrap(),
            "sale:inv \"1\""
        );
        assert_eq!(key(sale()), Err(KeyError::Missing));
        let lead = |name: &str| Lead::without_click(name, "user_001");
        assert_eq!(key(lead(" Sign Up ")).unwrap(), "lead:sign up:user_001");
        assert_eq!(key(lead("a").external_id("x")).unwrap(), "lead-id:x");
        assert_eq!(own("order 1").unwrap(), "own:order 1");
    }

    #[test]
    fn no_two_leads_share_a_key() {
        let pairs = [
            ("a:b", "c"),
            ("a", "b:c"),
            ("a\\", "b:c"),
            ("a\\:b", "c"),
            ("a\\", ":c"),
        ];
        let keys: std::collections::HashSet<_> = pairs
            .iter()
            .map(|(name, customer)| key(Lead::without_click(*name, *customer)).unwrap())
            .collect();
        assert_eq!(keys.len(), pairs.len(), "{keys:?}");
    }

    #[test]
    fn keys_that_a_database_refuses() {
        assert_eq!(own(" "), Err(KeyError::Blank));
        assert_eq!(own("a\0b"), Err(KeyError::Nul));
        assert_eq!(own(&"x".repeat(MAX_KEY)), Err(KeyError::TooLong));
        let long = Sale::without_click("u", 1).invoice_id("x".repeat(MAX_KEY));
        assert_eq!(key(long), Err(KeyError::TooLong));
    }

    #[test]
    fn what_counts_once() {
        let sale = Sale::without_click("u", 1);
        assert!(!counts_once(&sale.clone().into()));
        assert!(counts_once(&sale.invoice_id("i").into()));
        let lead = Lead::without_click("Sign Up", "u").external_id("x");
        assert!(!counts_once(&lead.into()));
    }
}
