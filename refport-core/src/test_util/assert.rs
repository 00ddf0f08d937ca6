use std::fmt;

use super::{Recorder, Sent, sent::Call};

/// Assertions. Each says what was expected and lists what was sent instead, by your own IDs and
/// without a word about a person.
impl Recorder {
    /// Exactly one sale was counted for this invoice: retries and repeats that the service
    /// recognises are fine, as long as they say the same.
    ///
    /// # Panics
    ///
    /// When none was counted, or a later report for the invoice differs from the first.
    #[track_caller]
    pub fn assert_one_sale(&self, invoice_id: &str) {
        let sent = self.sent();
        let mut taken = sent
            .iter()
            .filter(|sent| sent.is_taken_as(Call::Sale, invoice_id));
        let Some(first) = taken.next() else {
            fail(format_args!("one sale for invoice {invoice_id:?}"), &sent);
        };
        if taken.any(|sent| sent.body() != first.body()) {
            let expected = format_args!("all reports for invoice {invoice_id:?} to be the same");
            fail(expected, &sent);
        }
    }

    /// Exactly one lead was counted for this customer, by your own ID of theirs; for Partli by the
    /// ID of the lead itself, as in `sign up:user_001`.
    ///
    /// # Panics
    ///
    /// When none or more than one was counted.
    #[track_caller]
    pub fn assert_one_lead(&self, customer_external_id: &str) {
        let sent = self.sent();
        let is_lead = |sent: &&Sent| {
            sent.call() == Call::Lead
                && sent.is_counted()
                && sent.customer() == customer_external_id
        };
        if sent.iter().filter(is_lead).count() != 1 {
            let expected = format_args!("one lead for customer {customer_external_id:?}");
            fail(expected, &sent);
        }
    }

    /// Nothing was sent at all: the order was organic, say.
    ///
    /// # Panics
    ///
    /// When anything was sent.
    #[track_caller]
    pub fn assert_nothing_sent(&self) {
        let sent = self.sent();
        if !sent.is_empty() {
            fail(format_args!("nothing to be sent"), &sent);
        }
    }
}

#[track_caller]
fn fail(expected: fmt::Arguments<'_>, sent: &[Sent]) -> ! {
    panic!("expected {expected}, but {}", List(sent));
}

struct List<'a>(&'a [Sent]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("nothing was sent");
        }
        f.write_str("this was sent:")?;
        for (index, sent) in self.0.iter().enumerate() {
            write!(f, "\n  {}. {sent}", index + 1)?;
        }
        Ok(())
    }
}
