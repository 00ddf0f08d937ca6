//! A server with partners whose links were followed, and the sales that it is told.

use std::time::Duration;

use anyhow::{Context, ensure};
use axum::{Router, body::Body};
use http::{Request, header};
use refport_server::{
    Config, NewPartner, Store,
    bench::{Pipeline, Report},
    router,
};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::numbers::scattered;

/// Partners with a link each, `/r/partner-0` and so on.
pub const PARTNERS: u64 = 100;
/// As a browser calls itself.
pub const USER_AGENT: &str =
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

/// A store with partners, and whoever may tell it sales.
#[derive(Clone, Debug)]
pub struct Site {
    /// The store.
    pub store: Store,
    /// Its routes.
    pub app: Router,
    /// An API key.
    pub key: String,
    /// Click IDs, each of a redirect.
    pub clicks: Vec<String>,
}

impl Site {
    /// Opens the store, with its partners where it is new. No link was followed yet.
    ///
    /// # Errors
    ///
    /// When the database cannot be opened.
    pub fn open(url: &str) -> anyhow::Result<Self> {
        let store = Store::open(url)?;
        let key = if store.is_initialised()? {
            store.create_api_key()?
        } else {
            let key = store.init()?.api_key;
            for number in 0..PARTNERS {
                let partner = NewPartner::new(format!("p{number}@example.com"), "A partner")
                    .key(format!("partner-{number}"))
                    .destination("https://shop.example/landing?campaign=autumn");
                store.add_partner(partner)?;
            }
            key
        };
        let app = router(store.clone(), Config::new("http://go.example"));
        Ok(Self {
            store,
            app,
            key,
            clicks: Vec::new(),
        })
    }

    /// [`open`](Self::open), and follows so many links.
    ///
    /// # Errors
    ///
    /// When one does not lead anywhere.
    pub async fn with_clicks(url: &str, clicks: u64) -> anyhow::Result<Self> {
        let mut site = Self::open(url)?;
        for number in 0..clicks {
            let click = site.follow(number % PARTNERS).await?;
            site.clicks.push(click);
            if number % 1000 == 999 {
                site.flush().await?;
            }
        }
        site.flush().await?;
        Ok(site)
    }

    async fn follow(&self, partner: u64) -> anyhow::Result<String> {
        let request = Request::get(format!("/r/partner-{partner}"))
            .header(header::USER_AGENT, USER_AGENT)
            .body(Body::empty())?;
        let answer = self.app.clone().oneshot(request).await?;
        let location = answer.headers().get(header::LOCATION);
        click_of(location.context("a redirect leads somewhere")?.to_str()?)
    }

    /// Waits until all that was taken is written.
    ///
    /// # Errors
    ///
    /// When clicks are left, or were dropped.
    pub async fn flush(&self) -> anyhow::Result<()> {
        let left = self.store.flush(Duration::from_secs(30)).await;
        let dropped = self.store.dropped_clicks();
        ensure!(
            left == 0 && dropped == 0,
            "{left} clicks left, {dropped} dropped"
        );
        Ok(())
    }

    /// Sales as a route has read them.
    ///
    /// # Errors
    ///
    /// When one would be refused.
    pub async fn reports(&self, sales: &[Sale]) -> anyhow::Result<(Pipeline, Vec<Report>)> {
        let pipeline = Pipeline::open(self.store.clone(), &self.key).await?;
        let read = |sale: &Sale| pipeline.sale(&sale.body(&self.clicks));
        let reports: Option<Vec<Report>> = sales.iter().map(read).collect();
        let reports = reports.context("a sale was refused")?;
        Ok((pipeline, reports))
    }
}

/// The click ID in a redirect's `Location`.
///
/// # Errors
///
/// When there is none.
pub fn click_of(location: &str) -> anyhow::Result<String> {
    let (_, id) = location.split_once("refp_id=").context("no click ID")?;
    Ok(id.to_owned())
}

/// The click of a customer that was there before.
#[must_use]
pub fn earlier_click(customer: u64) -> String {
    format!("clk_{customer:026}")
}

/// A sale as a shop reports it.
#[derive(Clone, Copy, Debug)]
pub struct Sale {
    number: u64,
    customer: u64,
    /// Customers below were there before.
    customers: u64,
}

impl Sale {
    /// So many sales after `earlier` ones, of a shop that had `customers`: every other is of a new
    /// customer, the rest of any of those before.
    #[must_use]
    pub fn many(earlier: u64, customers: u64, sales: u64) -> Vec<Self> {
        let customer = |number: u64| {
            let bought = customers + number / 2;
            if number.is_multiple_of(2) {
                bought
            } else {
                scattered(number) % (bought + 1)
            }
        };
        let sale = |number| Self {
            number: earlier + number,
            customer: customer(number),
            customers,
        };
        (0..sales).map(sale).collect()
    }

    /// Which of the shop's sales it is.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.number
    }

    /// Invoices are numbered at random: each goes to another place of an index.
    #[must_use]
    pub fn invoice(self) -> String {
        format!("in_{:016x}", scattered(self.number))
    }

    /// The customer's number at the shop.
    #[must_use]
    pub fn customer(self) -> String {
        format!("user_{:010}", self.customer)
    }

    /// The click of the customer: of this run, or of before.
    #[must_use]
    pub fn click(self, clicks: &[String]) -> String {
        match self.customer.checked_sub(self.customers) {
            Some(new) => clicks[new as usize % clicks.len()].clone(),
            None => earlier_click(self.customer),
        }
    }

    /// The body of `/api/track/sale`.
    #[must_use]
    pub fn body(self, clicks: &[String]) -> Value {
        json!({
            "clickId": self.click(clicks),
            "customerExternalId": self.customer(),
            "amount": 4900,
            "currency": "usd",
            "eventName": "Purchase",
            "invoiceId": self.invoice(),
            "paymentProcessor": "stripe",
        })
    }
}
