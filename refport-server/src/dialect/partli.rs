//! Partli's API reference: `track-lead` and `track-sale`.

use refport_core::Currency;
use serde_json::{Value, json};

use super::{Dialect, Envelope, Fields, InvalidField};
use crate::{
    id,
    store::event::{Answer, Customer, Lead, Report, Sale},
};

const DEFAULT_LEAD_EVENT: &str = "lead";
const DEFAULT_SALE_EVENT: &str = "sale";
const DEFAULT_CURRENCY: Currency = Currency::USD;
const PROCESSOR: &str = "custom";

pub(super) fn read_lead(fields: Fields<'_>, envelope: Envelope) -> Result<Lead, InvalidField> {
    let external_id = fields.id("externalId")?;
    // Not documented for leads; joins the lead to its sales where a caller gives it.
    let customer_id = fields.optional_id("customerExternalId")?;
    let key = format!("ext:{external_id}");
    Ok(Lead {
        report: report(fields, envelope, customer_id, DEFAULT_LEAD_EVENT, key)?,
    })
}

pub(super) fn read_sale(fields: Fields<'_>, envelope: Envelope) -> Result<Sale, InvalidField> {
    let invoice_id = fields.required_name("externalId")?;
    let customer_id = fields.id("customerExternalId")?;
    let amount = fields.amount("amountCents", 1)?;
    let currency = fields.currency("currency")?.unwrap_or(DEFAULT_CURRENCY);
    // The same key as Refport's `invoiceId`: one invoice is one sale, whoever reports it.
    let key = format!("inv:{invoice_id}");
    Ok(Sale {
        report: report(fields, envelope, Some(customer_id), DEFAULT_SALE_EVENT, key)?,
        amount,
        currency,
        invoice_id: Some(invoice_id),
        payment_processor: PROCESSOR.to_owned(),
    })
}

fn report(
    fields: Fields<'_>,
    envelope: Envelope,
    external_id: Option<String>,
    default_event: &str,
    dedupe_key: String,
) -> Result<Report, InvalidField> {
    Ok(Report {
        workspace_id: envelope.workspace_id,
        dialect: Dialect::Partli,
        click_id: fields.optional_id("clickId")?,
        event_name: fields
            .name("eventName")?
            .unwrap_or_else(|| default_event.to_owned()),
        customer: Customer {
            external_id,
            email: fields.name("customerEmail")?,
            name: fields.name("customerName")?,
            avatar: None,
        },
        dedupe_key: Some(dedupe_key),
        metadata: fields.metadata("metadata")?,
        domain: envelope.domain,
        at: envelope.at,
    })
}

/// `null` and `false` where nobody is paid.
pub(super) fn answer(answer: Option<&Answer>) -> Value {
    json!({
        "eventId": answer.map(|answer| id::uuid_text(&answer.event_id)),
        "attributed": answer.is_some(),
    })
}
