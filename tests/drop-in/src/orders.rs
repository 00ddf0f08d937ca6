//! What is bought.

use std::sync::{Arc, Mutex, PoisonError};

/// What the page sends to buy.
#[derive(Debug, serde::Deserialize)]
pub struct Cart {
    product: String,
}

impl Cart {
    /// The order that this user makes of it. `None` for a product that is not sold here.
    #[must_use]
    pub fn order_of(&self, user_id: &str) -> Option<Order> {
        let prices = [("notebook", 4900), ("pen", 300)];
        let (_, amount_cents) = prices.into_iter().find(|(name, _)| *name == self.product)?;
        Some(Order {
            user_id: user_id.to_owned(),
            amount_cents,
        })
    }
}

/// An order, and whose it is.
#[derive(Clone, Debug)]
pub struct Order {
    /// Who buys.
    pub user_id: String,
    /// The price, in the currency's smallest unit.
    pub amount_cents: i64,
}

/// An order that was placed.
#[derive(Debug)]
pub struct Placed {
    /// The order's ID, unique among all orders.
    pub id: String,
}

/// All orders. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Orders(Arc<Mutex<Vec<Order>>>);

impl Orders {
    /// Places an order.
    #[must_use]
    pub fn place(&self, order: &Order) -> Placed {
        let mut orders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        orders.push(order.clone());
        Placed {
            id: format!("order_{}", orders.len()),
        }
    }

    /// A user's orders as a page lists them.
    #[must_use]
    pub fn list(&self, user_id: &str) -> String {
        let orders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let amounts = orders
            .iter()
            .filter(|order| order.user_id == user_id)
            .map(|order| format!("{} cents\n", order.amount_cents));
        amounts.collect()
    }
}
