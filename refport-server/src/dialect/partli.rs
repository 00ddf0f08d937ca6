//! Partli's API reference: `track-lead` and `track-sale`.

use refport_core::Currency;
use serde_json::{Value, json};

use super::{Envelope, Fields, InvalidField, fields::invoice_key};
use crate::domain::{Customer, FreshIds, Kind, Lead, Recorded, Report, Sale, id, text::canonical};

const DEFAULT_LEAD_EVENT: &str = "lead";
const DEFAULT_SALE_EVENT: &str = "sale";
const DEFAULT_CURRENCY: Currency = Currency::USD;
const PROCESSOR: &str = "custom";

pub(super) fn read_lead(fields: Fields<'_>, envelope: Envelope) -> Result<Lead, InvalidField> {
    let external_id = fields.id("externalId")?;
    // Not documented for leads; joins the lead to its sales where a caller gives it.
    let customer_id = fields.optional_id("customerExternalId")?;
    let key = format!("ext:{}", canonical(&external_id));
    let report = report(
        fields,
        envelope,
        Kind::Lead,
        customer_id,
        DEFAULT_LEAD_EVENT,
        key,
    )?;
    Ok(Lead { report })
}

pub(super) fn read_sale(fields: Fields<'_>, envelope: Envelope) -> Result<Sale, InvalidField> {
    let invoice_id = fields.required_name("externalId")?;
    let customer_id = Some(fields.id("customerExternalId")?);
    let amount = fields.amount("amountCents", 1)?;
    let currency = fields.currency("currency")?.unwrap_or(DEFAULT_CURRENCY);
    // The same key as Refport's `invoiceId`: one invoice is one sale, whoever reports it.
    let key = invoice_key(&invoice_id);
    Ok(Sale {
        report: report(
            fields,
            envelope,
            Kind::Sale,
            customer_id,
            DEFAULT_SALE_EVENT,
            key,
        )?,
        amount,
        currency,
        invoice_id: Some(invoice_id),
        payment_processor: PROCESSOR.to_owned(),
    })
}

fn report(
    fields: Fields<'_>,
    envelope: Envelope,
    kind: Kind,
    external_id: Option<String>,
    default_event: &str,
    key: String,
) -> Result<Report, InvalidField> {
    Ok(Report {
        workspace_id: envelope.workspace_id,
        ids: FreshIds::new(kind),
        policy: envelope.policy,
        click: fields.optional_click("clickId")?,
        event_name: fields
            .name("eventName")?
            .unwrap_or_else(|| default_event.to_owned()),
        customer: Customer {
            external_id,
            email: fields.email("customerEmail")?,
            name: fields.name("customerName")?,
            avatar: None,
        },
        key: Some(key),
        metadata: fields.metadata("metadata")?,
        domain: envelope.domain,
        occurred_at: fields.occurred_at(envelope.received_at)?,
        received_at: envelope.received_at,
    })
}

/// `null` and `false` where nobody is paid.
pub(super) fn answer(recorded: Option<&Recorded>) -> Value {
    json!({
        "eventId": recorded.map(|recorded| id::uuid_text(&recorded.id)),
        "attributed": recorded.is_some(),
    })
}
