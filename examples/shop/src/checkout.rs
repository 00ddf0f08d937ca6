use serde::Deserialize;

/// The form behind a buy button. A missing field is an empty one.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct CheckoutForm {
    /// The ID of the product.
    #[serde(default)]
    pub product: String,
}
