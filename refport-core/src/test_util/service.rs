//! What the services answer where all is well: the bodies of their API references, made of the
//! request.

use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};

use super::{
    answer::{error_response, json_response},
    sent::{Call, is_partli},
};
use crate::Timestamp;

/// The answer to the request `number`, of which nothing came before.
pub(super) fn usual(call: Call, body: &Value, number: usize, percent: u32) -> Response<Bytes> {
    let answer = match call {
        Call::Sale | Call::Lead if is_partli(body) => event(body, number),
        Call::Sale => sale(body, number, percent),
        Call::Lead => lead(body),
        Call::EmbedToken => embed_token(number),
        Call::Unknown => return error_response(404, "NOT_FOUND"),
    };
    json_response(200, &answer)
}

/// The same where the click belongs to no link.
pub(super) fn no_link(body: &Value) -> Response<Bytes> {
    let answer = if is_partli(body) {
        unattributed()
    } else {
        Value::Null
    };
    json_response(200, &answer)
}

/// Partli's: without a click, nobody is paid.
fn event(body: &Value, number: usize) -> Value {
    if body["clickId"].is_null() {
        return unattributed();
    }
    let id = format!("00000000-0000-4000-8000-{number:012}");
    json!({ "eventId": id, "attributed": true })
}

fn unattributed() -> Value {
    json!({ "eventId": null, "attributed": false })
}

fn sale(body: &Value, number: usize, percent: u32) -> Value {
    json!({
        "eventName": or(&body["eventName"], "Purchase"),
        "customer": customer(body),
        "sale": {
            "id": format!("sale_{number}"),
            "amount": body["amount"],
            "currency": or(&body["currency"], "usd"),
            "commissionAmount": share(body["amount"].as_i64().unwrap_or_default(), percent),
            "status": "pending",
            "invoiceId": body["invoiceId"],
            "paymentProcessor": or(&body["paymentProcessor"], "custom"),
        },
    })
}

fn lead(body: &Value) -> Value {
    json!({
        "eventName": body["eventName"],
        "click": { "id": body["clickId"] },
        "link": {
            "id": "lnk_1",
            "domain": "go.example.com",
            "key": "partner",
            "url": "https://example.com/",
            "programId": "prog_1",
        },
        "customer": customer(body),
    })
}

fn embed_token(number: usize) -> Value {
    const QUARTER_OF_AN_HOUR: i64 = 15 * 60 * 1000;
    let expires = Timestamp::from_millis(Timestamp::now().as_millis() + QUARTER_OF_AN_HOUR);
    json!({ "publicToken": format!("pt_{number}"), "expires": expires.ok() })
}

fn customer(body: &Value) -> Value {
    json!({
        "externalId": body["customerExternalId"],
        "email": body["customerEmail"],
        "name": body["customerName"],
    })
}

fn or(value: &Value, default: &str) -> Value {
    if value.is_null() {
        default.into()
    } else {
        value.clone()
    }
}

/// So many hundredths of the amount, half up.
fn share(amount: i64, percent: u32) -> i64 {
    let share = (i128::from(amount) * i128::from(percent) + 50).div_euclid(100);
    share.try_into().unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_rounded_half_up_and_cannot_overflow() {
        for (amount, percent, want) in [
            (4900, 10, 490),
            (5, 10, 1),
            (4, 10, 0),
            (0, 10, 0),
            (i64::MAX, 100, i64::MAX),
            (i64::MAX, u32::MAX, i64::MAX),
        ] {
            assert_eq!(share(amount, percent), want, "{percent} % of {amount}");
        }
    }
}
