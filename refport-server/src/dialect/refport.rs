//! Refport's API reference: `track/lead` and `track/sale`.

use refport_core::Currency;
use serde_json::{Value, json};

use super::{Dialect, Envelope, Fields, InvalidField};
use crate::store::event::{Answer, Customer, Lead, Report, Sale};

const DEFAULT_EVENT: &str = "Purchase";
const DEFAULT_CURRENCY: Currency = Currency::USD;
const DEFAULT_PROCESSOR: &str = "custom";

pub(super) fn read_lead(fields: Fields<'_>, envelope: Envelope) -> Result<Lead, InvalidField> {
    let click_id = fields.id("clickId")?;
    let event_name = fields.required_name("eventName")?;
    let external_id = fields.id("customerExternalId")?;
    // One lead a customer and event, whatever the case of its name, for all time: the reference
    // documents no key of the caller's own.
    let key = json!([external_id, event_name.to_lowercase()]).to_string();
    let report = report(
        fields,
        envelope,
        click_id,
        external_id,
        event_name,
        Some(key),
    )?;
    Ok(Lead { report })
}

pub(super) fn read_sale(fields: Fields<'_>, envelope: Envelope) -> Result<Sale, InvalidField> {
    let click_id = fields.id("clickId")?;
    let external_id = fields.id("customerExternalId")?;
    let amount = fields.amount("amount", 0)?;
    let currency = fields.currency("currency")?.unwrap_or(DEFAULT_CURRENCY);
    let event_name = fields
        .name("eventName")?
        .unwrap_or_else(|| DEFAULT_EVENT.to_owned());
    let invoice_id = fields.key("invoiceId")?;
    let payment_processor = fields
        .name("paymentProcessor")?
        .unwrap_or_else(|| DEFAULT_PROCESSOR.to_owned());
    let key = invoice_id.as_ref().map(|id| format!("inv:{id}"));
    Ok(Sale {
        report: report(fields, envelope, click_id, external_id, event_name, key)?,
        amount,
        currency,
        invoice_id,
        payment_processor,
    })
}

fn report(
    fields: Fields<'_>,
    envelope: Envelope,
    click_id: String,
    external_id: String,
    event_name: String,
    dedupe_key: Option<String>,
) -> Result<Report, InvalidField> {
    Ok(Report {
        workspace_id: envelope.workspace_id,
        dialect: Dialect::Refport,
        click_id: Some(click_id),
        event_name,
        customer: Customer {
            external_id: Some(external_id),
            email: fields.name("customerEmail")?,
            name: fields.name("customerName")?,
            avatar: fields.url("customerAvatar")?,
        },
        dedupe_key,
        metadata: fields.metadata("metadata")?,
        domain: envelope.domain,
        at: envelope.at,
    })
}

pub(super) fn answer(answer: &Answer) -> Value {
    let customer = json!({
        "externalId": answer.customer_external_id,
        "email": answer.customer_email,
        "name": answer.customer_name,
    });
    match &answer.sale {
        Some(sale) => json!({
            "eventName": answer.event_name,
            "customer": customer,
            "sale": {
                "id": answer.event_id,
                "amount": sale.amount,
                "currency": sale.currency,
                "commissionAmount": sale.commission_amount,
                "status": sale.status,
                "invoiceId": sale.invoice_id,
                "paymentProcessor": sale.payment_processor,
            },
        }),
        None => json!({
            "eventName": answer.event_name,
            "click": { "id": answer.click_id },
            "link": {
                "id": answer.link.id,
                "domain": answer.link.domain,
                "key": answer.link.key,
                "url": answer.link.destination,
                "programId": answer.link.program_id,
            },
            "customer": customer,
        }),
    }
}
