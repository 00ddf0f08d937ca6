use refport_core::{ClickId, Refport, Sale, track::OrWarn as _};
use warp::{Filter, Rejection, Reply, body, ext, http::StatusCode};

/// No order is longer, in bytes.
const MAX_BODY: u64 = 16 * 1024;

#[derive(serde::Deserialize)]
struct Order {
    id: String,
    user_id: String,
    amount_cents: i64,
}

pub(crate) fn all(
    refport: Refport,
) -> impl Filter<Extract = (impl Reply,), Error = Rejection> + Clone {
    let home = warp::path::end()
        .and(warp::get())
        .and(ext::optional::<ClickId>())
        .map(home);
    let checkout = warp::path!("checkout")
        .and(warp::post())
        .and(ext::optional::<ClickId>())
        .and(warp::any().map(move || refport.clone()))
        .and(body::content_length_limit(MAX_BODY))
        .and(body::json())
        .then(checkout);
    home.or(checkout)
}

fn home(click_id: Option<ClickId>) -> &'static str {
    match click_id {
        Some(_) => "Welcome, friend of a partner.",
        None => "Welcome.",
    }
}

async fn checkout(click_id: Option<ClickId>, refport: Refport, order: Order) -> StatusCode {
    // Yours comes first: keep the order. It stands, whatever happens to tracking.
    if let Some(click_id) = click_id {
        let sale = Sale::new(click_id, order.user_id, order.amount_cents)
            .currency("usd")
            .invoice_id(order.id);
        refport.track.sale(sale).await.or_warn();
    }
    StatusCode::CREATED
}
