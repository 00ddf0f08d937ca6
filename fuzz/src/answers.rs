use std::fmt::Debug;

use refport_core::{
    EmbedToken, Lead, LeadResponse, PartliResponse, Sale, SaleResponse, track::Customer,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

/// Whatever a service answers is read or refused, never a panic; what was read is the same when
/// the answer went through a `Value`, and when it is written down and read again. So it is with
/// the requests that applications store.
pub fn answers(data: &[u8]) {
    if let Some(answer) = read_twice::<SaleResponse>(data) {
        assert_eq!(reread::<SaleResponse>(&write_sale(&answer)), answer);
    }
    if let Some(answer) = read_twice::<LeadResponse>(data) {
        assert_eq!(reread::<LeadResponse>(&write_lead(&answer)), answer);
    }
    if let Some(answer) = read_twice::<PartliResponse>(data) {
        let json = json!({ "eventId": answer.event_id, "attributed": answer.attributed });
        assert_eq!(reread::<PartliResponse>(&json), answer);
    }
    says_whether_it_was_attributed(data);
    if let Some(token) = read_twice::<EmbedToken>(data) {
        let json = json!({ "publicToken": token.public_token, "expires": token.expires });
        let again: EmbedToken = reread(&json);
        assert_eq!(again.public_token, token.public_token);
        assert_eq!(again.expires.to_string(), token.expires.to_string());
    }
    any_object_is_a_lead_response(data);
    stored(data, |sale: &Sale| drop(sale.check()));
    stored(data, |lead: &Lead| drop(lead.check()));
}

/// Reads `data` at once and by way of a `Value`. Where both can, they read the same.
fn read_twice<T: DeserializeOwned + PartialEq + Debug>(data: &[u8]) -> Option<T> {
    let answer = serde_json::from_slice::<T>(data).ok()?;
    if let Ok(value) = serde_json::from_slice::<Value>(data) {
        assert_eq!(reread::<T>(&value), answer);
    }
    Some(answer)
}

fn reread<T: DeserializeOwned>(value: &Value) -> T {
    T::deserialize(value).expect("what was read reads again")
}

/// Nothing in a lead's answer is required, so no object is refused.
fn any_object_is_a_lead_response(data: &[u8]) {
    if let Ok(value @ Value::Object(_)) = serde_json::from_slice(data) {
        reread::<LeadResponse>(&value);
    }
}

/// Partli's answer is one exactly where it says whether somebody is paid, or names the event.
fn says_whether_it_was_attributed(data: &[u8]) {
    if let Ok(value @ Value::Object(_)) = serde_json::from_slice::<Value>(data) {
        let told = value["attributed"].as_bool();
        let event = value["eventId"].as_str();
        let want = told.or(event.map(|_| true));
        let answer = serde_json::from_value::<PartliResponse>(value.clone()).ok();
        assert_eq!(answer.as_ref().map(|answer| answer.attributed), want);
        assert_eq!(
            answer.and_then(|answer| answer.event_id).as_deref(),
            want.and(event)
        );
    }
}

/// A request that is stored and sent later is what was made, and checking it does not panic.
///
/// Fractions, which only metadata can hold, are left out: read without serde_json's
/// `float_roundtrip`, their last bit may change.
fn stored<T>(data: &[u8], check: impl Fn(&T))
where
    T: DeserializeOwned + Serialize + PartialEq + Debug,
{
    if let Ok(request) = serde_json::from_slice::<T>(data) {
        check(&request);
        let json = serde_json::to_string(&request).expect("requests are JSON");
        let again = serde_json::from_str::<T>(&json).expect("what was stored is read");
        let value = serde_json::to_value(&request).expect("requests are JSON");
        if !has_fraction(&value) {
            assert_eq!(again, request);
        }
    }
}

fn has_fraction(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(values) => values.iter().any(has_fraction),
        Value::Object(fields) => fields.values().any(has_fraction),
        _ => false,
    }
}

fn write_sale(answer: &SaleResponse) -> Value {
    let sale = &answer.sale;
    json!({
        "eventName": answer.event_name,
        "customer": write_customer(&answer.customer),
        "sale": {
            "id": sale.id,
            "amount": sale.amount,
            "currency": sale.currency,
            "commissionAmount": sale.commission_amount,
            "status": sale.status,
            "invoiceId": sale.invoice_id,
            "paymentProcessor": sale.payment_processor,
        },
    })
}

fn write_lead(answer: &LeadResponse) -> Value {
    let link = &answer.link;
    json!({
        "eventName": answer.event_name,
        "click": { "id": answer.click.id },
        "link": {
            "id": link.id,
            "domain": link.domain,
            "key": link.key,
            "url": link.url,
            "programId": link.program_id,
        },
        "customer": write_customer(&answer.customer),
    })
}

fn write_customer(customer: &Customer) -> Value {
    json!({
        "externalId": customer.external_id,
        "email": customer.email(),
        "name": customer.name(),
    })
}
