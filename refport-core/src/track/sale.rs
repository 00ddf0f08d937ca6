use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::payment_processor::PaymentProcessor;
use crate::{
    ClickId, Currency, InvalidRequest, Timestamp,
    personal::Personal,
    timestamp,
    validate::{is_object, not_blank},
};

/// A purchase to report: the `POST /api/track/sale` of Refport's API reference.
///
/// Serialises to the documented body and back, so that an application can keep a sale with its
/// order and report it from a job later. One field is kept beyond it: [`occurred_at`](Self::occurred_at).
///
/// ```
/// use refport_core::{ClickId, PaymentProcessor, Sale};
///
/// # let click_id: ClickId = "clk_1".parse().unwrap();
/// let sale = Sale::new(click_id, "user_001", 4900)
///     .currency("usd")
///     .invoice_id("inv_001")
///     .payment_processor(PaymentProcessor::Stripe);
///
/// let stored = serde_json::to_string(&sale).unwrap();
/// assert_eq!(serde_json::from_str::<Sale>(&stored).unwrap(), sale);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[must_use]
pub struct Sale {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) click_id: Option<ClickId>,
    pub(super) customer_external_id: String,
    pub(super) amount: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) currency: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) event_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) invoice_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    payment_processor: Option<PaymentProcessor>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    customer_email: Option<Personal>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    customer_name: Option<Personal>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    customer_avatar: Option<Personal>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) metadata: Option<Personal<Value>>,
    /// Our extension.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "timestamp::text_or_millis"
    )]
    pub(super) occurred_at: Option<Timestamp>,
}

impl Sale {
    /// A sale with the fields that Refport requires.
    ///
    /// `customer_external_id` is your own ID of the customer; `amount` is in the currency's
    /// smallest unit (4900 is 49.00 dollars, 4900 yen are 4900).
    pub fn new(
        click_id: impl Into<ClickId>,
        customer_external_id: impl Into<String>,
        amount: i64,
    ) -> Self {
        Self {
            click_id: Some(click_id.into()),
            ..Self::without_click(customer_external_id, amount)
        }
    }

    /// A sale without a click, for renewals and as Partli allows. The Refport client refuses it
    /// before sending.
    pub fn without_click(customer_external_id: impl Into<String>, amount: i64) -> Self {
        Self {
            click_id: None,
            customer_external_id: customer_external_id.into(),
            amount,
            currency: None,
            event_name: None,
            invoice_id: None,
            payment_processor: None,
            customer_email: None,
            customer_name: None,
            customer_avatar: None,
            metadata: None,
            occurred_at: None,
        }
    }

    /// Sets the click, or takes it away: one sale for several programs, each with its own click.
    pub fn click_id(mut self, click_id: Option<ClickId>) -> Self {
        self.click_id = click_id;
        self
    }

    /// The currency, a code of three letters. The service's default is `usd`, so always give it: the first
    /// sale without one is warned of in the log.
    ///
    /// What is no such code is refused before sending.
    pub fn currency(mut self, currency: impl Into<String>) -> Self {
        self.currency = Some(currency.into());
        self
    }

    /// What happened. The service's default is `Purchase`.
    pub fn event_name(mut self, name: impl Into<String>) -> Self {
        self.event_name = Some(name.into());
        self
    }

    /// Your own ID of the invoice or order: a repeat with the same one counts once.
    ///
    /// Always give it where you have it. Without it the service cannot tell a repeat from a
    /// second purchase. Partli requires it, by the name `externalId`.
    pub fn invoice_id(mut self, id: impl Into<String>) -> Self {
        self.invoice_id = Some(id.into());
        self
    }

    /// Who took the payment.
    pub fn payment_processor(mut self, processor: impl Into<PaymentProcessor>) -> Self {
        self.payment_processor = Some(processor.into());
        self
    }

    /// The customer's e-mail address.
    pub fn customer_email(mut self, email: impl Into<String>) -> Self {
        self.customer_email = Some(email.into().into());
        self
    }

    /// The customer's name.
    pub fn customer_name(mut self, name: impl Into<String>) -> Self {
        self.customer_name = Some(name.into().into());
        self
    }

    /// The address of the customer's picture.
    pub fn customer_avatar(mut self, url: impl Into<String>) -> Self {
        self.customer_avatar = Some(url.into().into());
        self
    }

    /// An object of your own, as in `serde_json::json!({ "plan": "pro" })`. Left out of `Debug`.
    pub fn metadata(mut self, metadata: impl Into<Value>) -> Self {
        self.metadata = Some(Personal(metadata.into()));
        self
    }

    /// When it happened, to the millisecond: for a purchase that is reported later. Without it, a service
    /// has the time at which it hears of it, and `refport-outbox` reports that at which it was enqueued.
    ///
    /// It is an extension of ours, on the wire `occurredAt`, in UTC. `refport-server` takes it: not more
    /// than 5 minutes ahead of its clock, and not before the click. The documents of Refport and Partli know
    /// no such field, so it is not sent to their public services, but to every other server;
    /// `ClientBuilder::send_occurred_at` says otherwise.
    ///
    /// ```
    /// use refport_core::{Sale, Timestamp};
    ///
    /// let paid: Timestamp = "2026-11-21T08:30:00Z".parse()?;
    /// let sale = Sale::without_click("user_001", 4900).occurred_at(paid);
    /// assert_eq!(sale.get_occurred_at(), Some(paid));
    /// assert_eq!(serde_json::to_value(&sale)?["occurredAt"], "2026-11-21T08:30:00.000Z");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn occurred_at(mut self, time: Timestamp) -> Self {
        self.occurred_at = Some(time);
        self
    }

    /// The click that it is attributed by, where it has one.
    #[must_use]
    pub const fn get_click_id(&self) -> Option<&ClickId> {
        self.click_id.as_ref()
    }

    /// Your own ID of the customer.
    #[must_use]
    pub fn get_customer_external_id(&self) -> &str {
        &self.customer_external_id
    }

    /// The amount, in the currency's smallest unit.
    #[must_use]
    pub const fn get_amount(&self) -> i64 {
        self.amount
    }

    /// The currency, as it was given. `None` leaves it to the service.
    #[must_use]
    pub fn get_currency(&self) -> Option<&str> {
        self.currency.as_deref()
    }

    /// What happened. `None` leaves it to the service.
    #[must_use]
    pub fn get_event_name(&self) -> Option<&str> {
        self.event_name.as_deref()
    }

    /// Your own ID of the invoice or order, by which it counts once.
    #[must_use]
    pub fn get_invoice_id(&self) -> Option<&str> {
        self.invoice_id.as_deref()
    }

    /// When it happened, where that was given.
    #[must_use]
    pub const fn get_occurred_at(&self) -> Option<Timestamp> {
        self.occurred_at
    }

    /// Whether the amount is zero: a trial or a full discount, nothing that can be reported.
    #[must_use]
    pub const fn is_zero(&self) -> bool {
        self.amount == 0
    }

    /// With its time, or without where the service takes none.
    #[cfg(feature = "client")]
    pub(crate) fn with_time_if(mut self, is_taken: bool) -> Self {
        self.occurred_at = self.occurred_at.filter(|_| is_taken);
        self
    }

    /// Says once that a sale has no currency, which then is the service's default: a shop that takes
    /// another would pay wrong commissions and see no error.
    #[cfg(feature = "client")]
    pub(crate) fn mind_the_currency(&self) {
        static SAID: std::sync::Once = std::sync::Once::new();
        if self.currency.is_none() && !self.is_zero() {
            SAID.call_once(|| {
                tracing::warn!("a sale has no currency and counts as US dollars: give it one, by `.currency(…)`");
            });
        }
    }

    /// Whether a repeat of it counts once: where it has an invoice ID.
    #[cfg(feature = "client")]
    pub(crate) const fn counts_once(&self) -> bool {
        self.invoice_id.is_some()
    }

    /// Checks what Refport certainly refuses.
    ///
    /// The client calls this before sending; call it yourself to refuse bad input earlier.
    ///
    /// # Errors
    ///
    /// Names the field: no click ID, an empty name or ID, a negative amount, a currency that is
    /// not three letters, `metadata` that is not an object.
    pub fn check(&self) -> Result<(), InvalidRequest> {
        if self.click_id.is_none() {
            return Err(InvalidRequest::new(
                "clickId",
                "is missing, Refport attributes a sale by its click",
            ));
        }
        not_blank("customerExternalId", &self.customer_external_id)?;
        not_negative("amount", self.amount)?;
        is_currency(self.currency.as_deref())?;
        for (field, text) in [
            ("eventName", &self.event_name),
            ("invoiceId", &self.invoice_id),
        ] {
            if let Some(text) = text {
                not_blank(field, text)?;
            }
        }
        is_object(self.metadata.as_ref().map(|metadata| &metadata.0))
    }
}

pub(super) fn not_negative(field: &'static str, amount: i64) -> Result<(), InvalidRequest> {
    if amount < 0 {
        let problem = "is negative, give the smallest currency unit as 1 or more";
        return Err(InvalidRequest::new(field, problem));
    }
    Ok(())
}

pub(super) fn is_currency(text: Option<&str>) -> Result<(), InvalidRequest> {
    if text.is_some_and(|text| text.len() != 3 || text.parse::<Currency>().is_err()) {
        let problem = "is not a code of three letters, as in `usd`";
        return Err(InvalidRequest::new("currency", problem));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn id() -> ClickId {
        "clk_1".parse().unwrap()
    }

    #[test]
    fn body_is_the_documented_one() {
        let sale = Sale::new(id(), "user_001", 4900)
            .currency("usd")
            .event_name("Purchase")
            .invoice_id("inv_001")
            .payment_processor("stripe")
            .customer_email("c@example.com")
            .customer_name("C")
            .customer_avatar("https://example.com/c.png")
            .metadata(json!({ "plan": "pro" }));
        assert_eq!(
            serde_json::to_value(&sale).unwrap(),
            json!({
                "clickId": "clk_1",
                "customerExternalId": "user_001",
                "amount": 4900,
                "currency": "usd",
                "eventName": "Purchase",
                "invoiceId": "inv_001",
                "paymentProcessor": "stripe",
                "customerEmail": "c@example.com",
                "customerName": "C",
                "customerAvatar": "https://example.com/c.png",
                "metadata": { "plan": "pro" },
            })
        );
        let least = serde_json::to_value(Sale::without_click("user_001", 1)).unwrap();
        assert_eq!(
            least,
            json!({ "customerExternalId": "user_001", "amount": 1 })
        );
    }

    #[test]
    fn reads_as_it_was_set() {
        let sale = Sale::new(id(), "user_001", 4900)
            .currency("eur")
            .event_name("Renewal")
            .invoice_id("inv_001");
        assert_eq!(sale.get_click_id(), Some(&id()));
        assert_eq!(
            (sale.get_customer_external_id(), sale.get_amount()),
            ("user_001", 4900)
        );
        assert_eq!(
            (
                sale.get_currency(),
                sale.get_event_name(),
                sale.get_invoice_id()
            ),
            (Some("eur"), Some("Renewal"), Some("inv_001"))
        );
        let least = Sale::without_click("user_001", 1);
        assert_eq!(
            (
                least.get_click_id(),
                least.get_currency(),
                least.get_event_name(),
                least.get_invoice_id()
            ),
            (None, None, None, None)
        );
    }

    /// What is stored, by us or by others.
    #[test]
    fn the_time_is_kept_and_may_be_absent() {
        let at: Timestamp = "2026-11-21T08:30:00.123Z".parse().unwrap();
        let sale = Sale::without_click("user_001", 1);
        assert_eq!(sale.get_occurred_at(), None);
        let timed = sale.clone().occurred_at(at);
        assert_eq!(timed.get_occurred_at(), Some(at));
        let body = serde_json::to_value(&timed).unwrap();
        assert_eq!(
            body,
            json!({ "customerExternalId": "user_001", "amount": 1, "occurredAt": "2026-11-21T08:30:00.123Z" })
        );
        let read = |at: Value| {
            let body = json!({ "customerExternalId": "user_001", "amount": 1, "occurredAt": at });
            serde_json::from_value::<Sale>(body)
        };
        for same in [
            json!("2026-11-21T09:30:00.123+01:00"),
            json!(at.as_millis()),
        ] {
            assert_eq!(read(same).unwrap(), timed);
        }
        assert_eq!(read(Value::Null).unwrap(), sale);
        let error = read(json!("yesterday")).unwrap_err();
        assert!(error.to_string().contains("RFC 3339"), "{error}");
    }

    #[test]
    fn check_names_the_field() {
        let sale = || Sale::new(id(), "u", 1);
        let field = |sale: Sale| sale.check().unwrap_err().field();
        assert_eq!(field(Sale::without_click("u", 1)), "clickId");
        assert_eq!(field(Sale::new(id(), "", 1)), "customerExternalId");
        assert_eq!(field(Sale::new(id(), "u", -1)), "amount");
        assert_eq!(field(sale().currency("dollars")), "currency");
        assert_eq!(field(sale().currency(" usd ")), "currency");
        assert_eq!(field(sale().event_name("")), "eventName");
        assert_eq!(field(sale().invoice_id("  ")), "invoiceId");
        assert_eq!(field(sale().metadata(json!([]))), "metadata");
        assert_eq!(
            sale().currency(Currency::EUR).invoice_id("i").check(),
            Ok(())
        );
        assert!(Sale::new(id(), "u", 0).is_zero());
    }

    #[test]
    fn debug_hides_the_person() {
        let sale = Sale::new(id(), "u", 1)
            .customer_email("c@example.com")
            .metadata(json!({ "phone": "555-0100" }));
        let debug = format!("{sale:?}");
        assert!(
            !debug.contains("c@example.com") && !debug.contains("555-0100"),
            "{debug}"
        );
    }
}
