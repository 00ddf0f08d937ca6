//! What the example shops share: products, orders, pages, the worker that delivers their reports,
//! and a Refport server in the same process, for machines without an account at Refport.
//!
//! The integration itself, which is what you want to copy, is in `axum-shop` and `actix-shop`.

mod args;
mod backend;
mod catalog;
mod checkout;
mod delivery;
mod embedded;
mod failure;
mod key_file;
mod listen;
mod open;
mod order;
pub mod pages;
mod random;
mod runner;
mod session;
mod sign_up;
mod store;
mod user;

use refport_core::{EmbedToken, Refport};
use refport_outbox::Outbox;

pub use crate::{
    args::Args,
    catalog::{PRODUCTS, Product},
    checkout::CheckoutForm,
    failure::Failure,
    open::{Opened, open},
    order::Order,
    runner::Runner,
    session::Session,
    sign_up::{NewUser, SignUpForm},
    store::{ShopStore, Transaction},
    user::{SignedUp, User},
};

/// The style sheet of all pages, for `/style.css`.
pub const STYLE: &str = include_str!("../templates/style.css");

/// What every handler needs. Clones share everything.
#[derive(Clone, Debug)]
pub struct Shop {
    /// The shop's own data: users and orders.
    pub store: ShopStore,
    /// Where reports are kept until they are delivered: beside the orders, in the same database.
    pub outbox: Outbox,
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
