//! What the server counted, as its API tells.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use refport_outbox::refport_core::{EmbedTokenRequest, Refport};
use reqwest::{Client, StatusCode, header::RETRY_AFTER};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;
use tokio::time::sleep;

use crate::{
    compare::Counted,
    harness::PARTNER,
    roles::{CHECK, customer_of},
};

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Commission {
    pub(crate) id: String,
    pub(crate) event_id: String,
    pub(crate) invoice_id: Option<String>,
    pub(crate) customer_external_id: Option<String>,
    pub(crate) amount: i64,
}

#[derive(Clone, Debug)]
pub(crate) struct Sale {
    pub(crate) id: String,
    pub(crate) amount: i64,
}

/// What a sale of the harness's own was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Checked {
    /// With its commission.
    Paid,
    Unpaid,
    /// 503 with `Retry-After`.
    ComeBack,
    Other(u16),
    /// Not at all.
    CutOff,
}

impl Checked {
    pub(crate) fn pays(self) -> bool {
        self == Self::Paid
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page<T> {
    data: Vec<T>,
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct Customer {
    events: Vec<Event>,
}

#[derive(Deserialize)]
struct Event {
    id: String,
    kind: String,
    amount: Option<i64>,
}

/// A reader of the server's API.
#[derive(Debug)]
pub(crate) struct Api {
    client: Client,
    url: String,
    key: String,
}

impl Api {
    pub(crate) fn new(url: &str, key: &str) -> anyhow::Result<Self> {
        Ok(Self {
            client: Client::builder().no_proxy().build()?,
            url: url.to_owned(),
            key: key.to_owned(),
        })
    }

    /// A sale of a new customer for a click, again until it is decided.
    pub(crate) async fn check_sale(
        &self,
        click_id: &str,
        invoice: &str,
    ) -> anyhow::Result<Checked> {
        const TRIES: usize = 20;
        for _ in 0..TRIES {
            match self.check_sale_once(click_id, invoice).await {
                Checked::ComeBack => sleep(Duration::from_secs(1)).await,
                Checked::CutOff => sleep(Duration::from_millis(100)).await,
                decided => return Ok(decided),
            }
        }
        bail!("{invoice} is not decided");
    }

    pub(crate) async fn check_sale_once(&self, click_id: &str, invoice: &str) -> Checked {
        let sale = json!({
            "clickId": click_id,
            "customerExternalId": format!("customer_of_{invoice}"),
            "amount": 1000,
            "invoiceId": invoice,
        });
        let request = self.client.post(format!("{}/api/track/sale", self.url));
        let request = request
            .bearer_auth(&self.key)
            .header(CHECK, "1")
            .json(&sale);
        let Ok(answer) = request.send().await else {
            return Checked::CutOff;
        };
        let (status, headers) = (answer.status(), answer.headers());
        if status == StatusCode::SERVICE_UNAVAILABLE && headers.contains_key(RETRY_AFTER) {
            return Checked::ComeBack;
        }
        if status != StatusCode::OK {
            return Checked::Other(status.as_u16());
        }
        match answer.json::<serde_json::Value>().await {
            Ok(body) if body["sale"]["commissionAmount"] == 100 => Checked::Paid,
            Ok(_) => Checked::Unpaid,
            Err(_) => Checked::CutOff,
        }
    }

    /// All commissions, the sales of the customers of these orders, and the partner's total.
    pub(crate) async fn counted(&self, orders: &BTreeSet<String>) -> anyhow::Result<Counted> {
        Ok(Counted {
            commissions: {
                let mut commissions = self.commissions().await?;
                // The harness's own sales are no orders.
                commissions.retain(|commission| {
                    let invoice = commission.invoice_id.as_deref();
                    !invoice.is_some_and(|invoice| invoice.starts_with("probe_"))
                });
                commissions
            },
            sales: self.sales(orders).await?,
            partners_sales: self.partners_sales().await?,
        })
    }

    pub(crate) async fn is_up(&self) -> bool {
        let url = format!("{}/healthz", self.url);
        let answer = self.client.get(url).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    /// Page after page to the last.
    async fn commissions(&self) -> anyhow::Result<Vec<Commission>> {
        let mut commissions = Vec::new();
        let mut cursor = String::new();
        loop {
            let path = format!("/api/commissions?limit=100&cursor={cursor}");
            let page: Page<Commission> = self.get(&path).await?.context("no such list")?;
            commissions.extend(page.data);
            match page.next_cursor {
                Some(next) => cursor = next,
                None => return Ok(commissions),
            }
        }
    }

    /// By customer, of those who have any.
    async fn sales(
        &self,
        orders: &BTreeSet<String>,
    ) -> anyhow::Result<BTreeMap<String, Vec<Sale>>> {
        const AT_ONCE: usize = 8;
        stream::iter(orders)
            .map(|order| self.sales_of(customer_of(order)))
            .buffer_unordered(AT_ONCE)
            .try_filter(|(_, sales)| std::future::ready(!sales.is_empty()))
            .try_collect()
            .await
    }

    async fn sales_of(&self, customer: String) -> anyhow::Result<(String, Vec<Sale>)> {
        let path = format!("/api/customers/{customer}");
        let found: Option<Customer> = self.get(&path).await?;
        let events = found.into_iter().flat_map(|customer| customer.events);
        let sales = events
            .filter(|event| event.kind == "sale")
            .map(|event| {
                let amount = event.amount.context("a sale without an amount")?;
                anyhow::Ok(Sale {
                    id: event.id,
                    amount,
                })
            })
            .collect::<Result<_, _>>()?;
        Ok((customer, sales))
    }

    /// As the partner's portal shows it.
    async fn partners_sales(&self) -> anyhow::Result<u64> {
        const BEFORE: &str = "id=\"sales\">";
        let refport = Refport::builder(&self.key).base_url(&self.url).build()?;
        let token = refport
            .embed_tokens
            .create(EmbedTokenRequest::partner(PARTNER))
            .await?;
        let url = format!("{}/embed/referrals?token={}", self.url, token.public_token);
        let page = self.client.get(url).send().await?.error_for_status()?;
        let page = page.text().await?;
        let number = page
            .split_once(BEFORE)
            .and_then(|(_, after)| after.split_once('<'));
        let (number, _) = number.context("the portal shows no sales")?;
        Ok(number.trim().parse()?)
    }

    /// `None` for what is not there.
    async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<Option<T>> {
        let request = self.client.get(format!("{}{path}", self.url));
        let answer = request.bearer_auth(&self.key).send().await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        ensure!(answer.status().is_success(), "{path}: {}", answer.status());
        Ok(Some(answer.json().await?))
    }
}
