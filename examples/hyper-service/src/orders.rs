use http_body_util::{BodyExt, Limited};
use hyper::{Response, StatusCode, body::Incoming};
use refport_core::{ClickId, Refport, Sale, track::OrWarn as _};

use crate::answer;

/// No order is longer, in bytes.
const MAX_BODY: usize = 16 * 1024;

#[derive(serde::Deserialize)]
struct Order {
    id: String,
    user_id: String,
    amount_cents: i64,
}

pub(crate) async fn checkout(
    refport: &Refport,
    click_id: Option<ClickId>,
    body: Incoming,
) -> Response<String> {
    let Some(order) = read(body).await else {
        return answer(StatusCode::BAD_REQUEST, "Not an order.");
    };
    // Yours comes first: keep the order. It stands, whatever happens to tracking.
    if let Some(click_id) = click_id {
        let sale = Sale::new(click_id, order.user_id, order.amount_cents)
            .currency("usd")
            .invoice_id(order.id);
        refport.track.sale(sale).await.or_warn();
    }
    answer(StatusCode::CREATED, "Thank you.")
}

async fn read(body: Incoming) -> Option<Order> {
    let body = Limited::new(body, MAX_BODY).collect().await.ok()?;
    serde_json::from_slice(&body.to_bytes()).ok()
}
