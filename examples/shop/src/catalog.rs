/// Something the shop sells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Product {
    /// The ID, as in `pour-over`.
    pub id: &'static str,
    /// The name.
    pub name: &'static str,
    /// One sentence about it.
    pub description: &'static str,
    /// The price in US cents.
    pub price_cents: i64,
    /// A drawing of it, as SVG.
    pub drawing: &'static str,
}

/// All that the shop sells.
pub const PRODUCTS: [Product; 3] = [
    Product {
        id: "pour-over",
        name: "Pour-over set",
        description: "A glass carafe with a beech collar, and forty filters to begin with.",
        price_cents: 4900,
        drawing: include_str!("../templates/art/pour-over.svg"),
    },
    Product {
        id: "hand-grinder",
        name: "Hand grinder",
        description: "Steel burrs, twenty-four settings, no noise worth mentioning.",
        price_cents: 8900,
        drawing: include_str!("../templates/art/hand-grinder.svg"),
    },
    Product {
        id: "house-beans",
        name: "House beans, 500 g",
        description: "Washed Ethiopian, roasted on Tuesdays: apricot, honey, black tea.",
        price_cents: 1850,
        drawing: include_str!("../templates/art/house-beans.svg"),
    },
];

impl Product {
    /// The product with this ID.
    #[must_use]
    pub fn find(id: &str) -> Option<&'static Self> {
        PRODUCTS.iter().find(|product| product.id == id)
    }

    /// The price as people read it, as in `49.00 USD`.
    #[must_use]
    pub fn price(&self) -> String {
        dollars(self.price_cents)
    }
}

pub(crate) fn dollars(cents: i64) -> String {
    format!("{}.{:02} USD", cents / 100, cents % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_readable() {
        assert_eq!(Product::find("pour-over").unwrap().price(), "49.00 USD");
        assert_eq!(dollars(5), "0.05 USD");
        assert_eq!(Product::find("tea"), None);
    }
}
