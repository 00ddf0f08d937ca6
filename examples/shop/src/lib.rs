//! What the example shops share: products, orders, pages, and a Refport server in the same
//! process, for machines without an account at Refport.
//!
//! The integration itself, which is what you want to copy, is in `axum-shop` and `actix-shop`.

mod args;
mod backend;
mod catalog;
mod checkout;
mod embedded;
mod failure;
mod key_file;
mod listen;
mod open;
pub mod pages;
mod random;
mod runner;
mod session;
mod sign_up;
mod store;

use refport_core::{EmbedToken, Refport};

pub use crate::{
    args::Args,
    catalog::{PRODUCTS, Product},
    checkout::CheckoutForm,
    failure::Failure,
    open::{Opened, open},
    runner::Runner,
    session::Session,
    sign_up::{NewUser, SignUpForm},
    store::{Order, ShopStore, SignedUp, User},
};

/// The style sheet of all pages, for `/style.css`.
pub const STYLE: &str = include_str!("../templates/style.css");

/// What every handler needs. Clones share everything.
#[derive(Clone, Debug)]
pub struct Shop {
    /// The shop's own data: users and orders.
    pub store: ShopStore,
    /// The client of the Refport service, or of the server in this process.
    pub refport: Refport,
    /// The e-mail address of the partner whose portal the shop shows.
    pub partner_email: String,
    refport_base: String,
}

impl Shop {
    /// The address of the portal's frame for the holder of `token`.
    #[must_use]
    pub fn portal_url(&self, token: &EmbedToken) -> String {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("token", &token.public_token)
            .append_pair("dynamicHeight", "true")
            .append_pair("theme", "system")
            .finish();
        format!("{}/embed/referrals?{query}", self.refport_base)
    }
}
