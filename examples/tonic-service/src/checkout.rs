use refport_core::{ClickId, Refport, Sale, track::OrWarn as _};
use tonic::{Request, Response, Status};

use crate::{Order, Receipt, grpc::shop_server};

pub(crate) struct Shop {
    refport: Refport,
}

impl Shop {
    pub(crate) const fn new(refport: Refport) -> Self {
        Self { refport }
    }
}

#[tonic::async_trait]
impl shop_server::Shop for Shop {
    async fn checkout(&self, request: Request<Order>) -> Result<Response<Receipt>, Status> {
        let click_id = request.extensions().get::<ClickId>().cloned();
        let order = request.into_inner();
        if order.id.is_empty() || order.user_id.is_empty() {
            return Err(Status::invalid_argument("an order has an ID and a user"));
        }
        // Yours comes first: keep the order. It stands, whatever happens to tracking.
        if let Some(click_id) = click_id {
            let sale = Sale::new(click_id, order.user_id, order.amount_cents)
                .currency("usd")
                .invoice_id(&order.id);
            self.refport.track.sale(sale).await.or_warn();
        }
        Ok(Response::new(Receipt { id: order.id }))
    }
}
