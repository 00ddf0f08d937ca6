use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value;

use crate::{
    ClickId, InvalidRequest, Lead, Sale, Timestamp,
    personal::Personal,
    track::sale,
    validate::{is_object, not_blank},
};

/// A lead as Partli's `POST /api/track/lead` takes it. It has no field for the customer's ID and
/// picture. The time is our extension.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LeadBody<'a> {
    external_id: Cow<'a, str>,
    event_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    click_id: Option<&'a ClickId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer_email: Option<&'a Personal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer_name: Option<&'a Personal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<&'a Personal<Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    occurred_at: Option<Timestamp>,
}

impl<'a> LeadBody<'a> {
    /// Checks what Partli certainly refuses, and what would make a repeat count twice.
    pub(crate) fn new(lead: &'a Lead) -> Result<Self, InvalidRequest> {
        not_blank("eventName", &lead.event_name)?;
        is_object(lead.metadata.as_ref().map(|metadata| &metadata.0))?;
        Ok(Self {
            external_id: external_id(lead)?,
            event_name: &lead.event_name,
            click_id: lead.click_id.as_ref(),
            customer_email: lead.customer_email.as_ref(),
            customer_name: lead.customer_name.as_ref(),
            metadata: lead.metadata.as_ref(),
            occurred_at: lead.occurred_at,
        })
    }
}

/// By which Partli counts the lead once: the application's own, or one that is the same for each
/// report of this customer's event.
fn external_id(lead: &Lead) -> Result<Cow<'_, str>, InvalidRequest> {
    if let Some(id) = &lead.external_id {
        not_blank("externalId", id)?;
        return Ok(Cow::Borrowed(id));
    }
    not_blank("customerExternalId", &lead.customer_external_id)?;
    // The first colon ends the event's name, so that no two pairs make the same ID.
    let event = lead.event_name.trim().to_lowercase();
    let event = event.replace('%', "%25").replace(':', "%3a");
    Ok(Cow::Owned(format!("{event}:{}", lead.customer_external_id)))
}

/// A sale as Partli's `POST /api/track/sale` takes it. It has no fields for the payment processor
/// and the customer's name, address and picture. The time is our extension.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SaleBody<'a> {
    external_id: &'a str,
    customer_external_id: &'a str,
    amount_cents: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    click_id: Option<&'a ClickId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<&'a Personal<Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    occurred_at: Option<Timestamp>,
}

impl<'a> SaleBody<'a> {
    /// Checks what Partli certainly refuses, except an amount of zero.
    pub(crate) fn new(sale: &'a Sale) -> Result<Self, InvalidRequest> {
        let Some(invoice_id) = &sale.invoice_id else {
            return Err(InvalidRequest::new(
                "externalId",
                "is missing, Partli requires it to count a sale once: \
                 give the sale its `invoice_id`",
            ));
        };
        not_blank("externalId", invoice_id)?;
        not_blank("customerExternalId", &sale.customer_external_id)?;
        sale::not_negative("amountCents", sale.amount)?;
        sale::is_currency(sale.currency.as_deref())?;
        if let Some(name) = &sale.event_name {
            not_blank("eventName", name)?;
        }
        is_object(sale.metadata.as_ref().map(|metadata| &metadata.0))?;
        Ok(Self {
            external_id: invoice_id,
            customer_external_id: &sale.customer_external_id,
            amount_cents: sale.amount,
            currency: sale.currency.as_deref().map(str::to_ascii_uppercase),
            click_id: sale.click_id.as_ref(),
            event_name: sale.event_name.as_deref(),
            metadata: sale.metadata.as_ref(),
            occurred_at: sale.occurred_at,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Currency, PaymentProcessor};

    fn click() -> ClickId {
        "c_a1b2c3d4e5".parse().unwrap()
    }

    fn lead() -> Lead {
        Lead::without_click("Sign Up", "user_001")
    }

    fn sale() -> Sale {
        Sale::without_click("user_001", 4900).invoice_id("inv_001")
    }

    #[test]
    fn a_sale_is_the_documented_body() {
        let full = sale()
            .click_id(Some(click()))
            .currency(Currency::EUR)
            .event_name("Renewal")
            .payment_processor(PaymentProcessor::Stripe)
            .customer_email("c@example.com")
            .customer_name("C")
            .customer_avatar("https://example.com/c.png")
            .metadata(json!({ "plan": "pro" }));
        assert_eq!(
            serde_json::to_value(SaleBody::new(&full).unwrap()).unwrap(),
            json!({
                "externalId": "inv_001",
                "customerExternalId": "user_001",
                "amountCents": 4900,
                "currency": "EUR",
                "clickId": "c_a1b2c3d4e5",
                "eventName": "Renewal",
                "metadata": { "plan": "pro" },
            })
        );
        assert_eq!(
            serde_json::to_value(SaleBody::new(&sale()).unwrap()).unwrap(),
            json!({ "externalId": "inv_001", "customerExternalId": "user_001", "amountCents": 4900 })
        );
    }

    #[test]
    fn a_lead_is_the_documented_body() {
        let full = lead()
            .click_id(Some(click()))
            .external_id("lead_7")
            .customer_email("c@example.com")
            .customer_name("C")
            .customer_avatar("https://example.com/c.png")
            .metadata(json!({ "plan": "pro" }));
        assert_eq!(
            serde_json::to_value(LeadBody::new(&full).unwrap()).unwrap(),
            json!({
                "externalId": "lead_7",
                "eventName": "Sign Up",
                "clickId": "c_a1b2c3d4e5",
                "customerEmail": "c@example.com",
                "customerName": "C",
                "metadata": { "plan": "pro" },
            })
        );
        assert_eq!(
            serde_json::to_value(LeadBody::new(&lead()).unwrap()).unwrap(),
            json!({ "externalId": "sign up:user_001", "eventName": "Sign Up" })
        );
    }

    #[test]
    fn the_time_stands_by_its_own_name() {
        let at: Timestamp = "2026-11-21T09:30:00+01:00".parse().unwrap();
        let (lead, sale) = (lead().occurred_at(at), sale().occurred_at(at));
        for body in [
            serde_json::to_value(LeadBody::new(&lead).unwrap()),
            serde_json::to_value(SaleBody::new(&sale).unwrap()),
        ] {
            assert_eq!(body.unwrap()["occurredAt"], "2026-11-21T08:30:00.000Z");
        }
    }

    #[test]
    fn a_lead_s_own_key_tells_customers_and_events_apart() {
        let key = |event: &str, customer: &str| {
            let lead = Lead::without_click(event, customer);
            external_id(&lead).unwrap().into_owned()
        };
        assert_eq!(key(" SIGN up", "u"), key("Sign Up", "u"));
        let others = [
            ("Sign Up", "u"),
            ("Sign Up", "U"),
            ("Sign Up", "u2"),
            ("Trial", "u"),
            ("a", "b:c"),
            ("a:b", "c"),
            ("a%3ab", "c"),
            ("a", ":b:c"),
        ];
        let keys: std::collections::BTreeSet<_> = others
            .iter()
            .map(|(event, customer)| key(event, customer))
            .collect();
        assert_eq!(keys.len(), others.len(), "{keys:?}");
    }

    #[test]
    fn what_is_wrong_names_partlis_field() {
        let field = |sale: Sale| SaleBody::new(&sale).err().map(|error| error.field());
        assert_eq!(field(Sale::without_click("u", 1)), Some("externalId"));
        assert_eq!(field(sale().invoice_id(" ")), Some("externalId"));
        let nobody = Sale::without_click("", 1).invoice_id("i");
        assert_eq!(field(nobody), Some("customerExternalId"));
        let negative = Sale::without_click("u", -1).invoice_id("i");
        assert_eq!(field(negative), Some("amountCents"));
        assert_eq!(field(sale().currency("dollars")), Some("currency"));
        assert_eq!(field(sale().event_name("")), Some("eventName"));
        assert_eq!(field(sale().metadata(json!([]))), Some("metadata"));
        assert_eq!(field(sale()), None);

        let field = |lead: Lead| LeadBody::new(&lead).err().map(|error| error.field());
        assert_eq!(field(lead().external_id("")), Some("externalId"));
        assert_eq!(field(Lead::without_click(" ", "u")), Some("eventName"));
        assert_eq!(
            field(Lead::without_click("a", "")),
            Some("customerExternalId")
        );
        assert_eq!(field(Lead::without_click("a", "").external_id("x")), None);
        assert_eq!(field(lead().metadata("text")), Some("metadata"));
    }
}
