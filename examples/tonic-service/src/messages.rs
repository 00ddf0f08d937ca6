//! The service's messages, as a `.proto` file would describe them.

/// What is bought.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Order {
    /// The order's own ID.
    #[prost(string, tag = "1")]
    pub id: String,
    /// Who buys.
    #[prost(string, tag = "2")]
    pub user_id: String,
    /// The price, in the currency's smallest unit.
    #[prost(int64, tag = "3")]
    pub amount_cents: i64,
}

/// An order that was placed.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Receipt {
    /// The order's own ID.
    #[prost(string, tag = "1")]
    pub id: String,
}
