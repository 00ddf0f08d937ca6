//! Refport's API reference: `track/lead` and `track/sale`.

use refport_core::Currency;
use serde_json::{Value, json};

use super::{Envelope, Fields, InvalidField, fields::invoice_key};
use crate::domain::{Customer, FreshIds, Kind, Lead, Recorded, Report, Sale, text::canonical};

const DEFAULT_EVENT: &str = "Purchase";
const DEFAULT_CURRENCY: Currency = Currency::USD;
const DEFAULT_PROCESSOR: &str = "custom";

pub(super) fn read_lead(fields: Fields<'_>, envelope: Envelope) -> Result<Lead, InvalidField> {
    fields.click("clickId")?;
    let event_name = fields.required_name("eventName")?;
    let external_id = fields.id("customerExternalId")?;
    // One lead a customer and event, whatever the case of its name, for all time: the reference
    // documents no key of the caller's own.
    let names = [
        &*canonical(&external_id),
        &canonical(&event_name).to_lowercase(),
    ];
    let key = Some(json!(names).to_string());
    let report = report(fields, envelope, Kind::Lead, external_id, event_name, key)?;
    Ok(Lead { report })
}

pub(super) fn read_sale(fields: Fields<'_>, envelope: Envelope) -> Result<Sale, InvalidField> {
    fields.click("clickId")?;
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
    let key = match &invoice_id {
        Some(invoice_id) => Some(invoice_key(invoice_id)),
        None => {
            let key = envelope.idempotency_key.as_deref();
            key.map(|key| format!("idem:{}", canonical(key)))
        }
    };
    Ok(Sale {
        report: report(fields, envelope, Kind::Sale, external_id, event_name, key)?,
        amount,
        currency,
        invoice_id,
        payment_processor,
    })
}

fn report(
    fields: Fields<'_>,
    envelope: Envelope,
    kind: Kind,
    external_id: String,
    event_name: String,
    key: Option<String>,
) -> Result<Report, InvalidField> {
    Ok(Report {
        workspace_id: envelope.workspace_id,
        ids: FreshIds::new(kind),
        policy: envelope.policy,
        click: Some(fields.click("clickId")?),
        event_name,
        customer: Customer {
            external_id: Some(external_id),
            email: fields.email("customerEmail")?,
            name: fields.name("customerName")?,
            avatar: fields.url("customerAvatar")?,
        },
        key,
        metadata: fields.metadata("metadata")?,
        domain: envelope.domain,
        occurred_at: fields.occurred_at(envelope.received_at)?,
        received_at: envelope.received_at,
    })
}

pub(super) fn answer(recorded: &Recorded) -> Value {
    let customer = json!({
        "externalId": recorded.customer_external_id,
        "email": recorded.customer_email,
        "name": recorded.customer_name,
    });
    if let Some(sale) = &recorded.sale {
        let status = if sale.commission_amount > 0 {
            "pending"
        } else {
            "none"
        };
        return json!({
            "eventName": recorded.event_name,
            "customer": customer,
            "sale": {
                "id": recorded.id,
                "amount": sale.amount,
                "currency": sale.currency,
                "commissionAmount": sale.commission_amount,
                "status": status,
                "invoiceId": sale.invoice_id,
                "paymentProcessor": sale.payment_processor,
            },
        });
    }
    let link = recorded.link.as_ref();
    json!({
        "eventName": recorded.event_name,
        "click": { "id": recorded.click_id },
        "link": {
            "id": recorded.link_id,
            "domain": link.map(|link| &link.domain),
            "key": link.map(|link| &link.key),
            "url": link.map(|link| &link.destination),
            "programId": recorded.program_id,
        },
        "customer": customer,
    })
}
