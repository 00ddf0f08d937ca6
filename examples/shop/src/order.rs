use crate::{Product, Transaction, User, catalog::dollars, random};

/// An order that was placed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The ID, by which Refport knows the sale too.
    pub id: String,
    /// The product's name when it was bought.
    pub product: String,
    /// What was paid, in US cents.
    pub amount_cents: i64,
    /// When, in UTC, as in `2026-11-21 09:15:00`.
    pub placed_at: String,
}

impl Order {
    /// Places an order. It stands once the transaction is committed.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn place(
        tx: &mut Transaction,
        user: &User,
        product: &Product,
    ) -> anyhow::Result<Self> {
        let placed = sqlx::query_as(
            "INSERT INTO orders (id, user_id, product, amount_cents) VALUES (?1, ?2, ?3, ?4)
             RETURNING id, product, amount_cents, placed_at",
        )
        .bind(format!("order_{}", random::text(20)))
        .bind(&user.id)
        .bind(product.name)
        .bind(product.price_cents)
        .fetch_one(&mut **tx)
        .await?;
        Ok(Self::of(placed))
    }

    /// From its row.
    pub(crate) fn of(
        (id, product, amount_cents, placed_at): (String, String, i64, String),
    ) -> Self {
        Self {
            id,
            product,
            amount_cents,
            placed_at,
        }
    }

    /// The total as people read it, as in `49.00 USD`.
    #[must_use]
    pub fn total(&self) -> String {
        dollars(self.amount_cents)
    }
}
