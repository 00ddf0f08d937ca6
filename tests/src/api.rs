use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::Value;

use crate::Shop;

/// The server's reading face, with a key.
#[derive(Debug)]
pub struct Api {
    http: reqwest::Client,
    base: String,
    key: String,
}

impl Api {
    /// At an address, with a key.
    #[must_use]
    pub fn new(base: &str, key: &str) -> Self {
        Self {
            http: reqwest::Client::new(),
            base: base.to_owned(),
            key: key.to_owned(),
        }
    }

    /// Of a shop's embedded server.
    #[must_use]
    pub fn of(shop: &Shop) -> Self {
        Self::new(shop.value("api"), shop.value("api_key"))
    }

    /// All commissions, newest first.
    ///
    /// # Errors
    ///
    /// When the server does not answer with a list.
    pub async fn commissions(&self) -> anyhow::Result<Vec<Value>> {
        self.list("commissions").await
    }

    /// How many clicks the partners' links have.
    ///
    /// # Errors
    ///
    /// When the server does not answer with a list.
    pub async fn clicks(&self) -> anyhow::Result<u64> {
        let partners = self.list("partners").await?;
        let links = partners
            .iter()
            .filter_map(|partner| partner["links"].as_array());
        Ok(links
            .flatten()
            .filter_map(|link| link["clicks"].as_u64())
            .sum())
    }

    async fn list(&self, what: &str) -> anyhow::Result<Vec<Value>> {
        let request = self
            .http
            .get(format!("{}/api/{what}", self.base))
            .bearer_auth(&self.key);
        let answer = request.send().await?;
        ensure!(answer.status().is_success(), "{}", answer.status());
        let body: Value = serde_json::from_slice(&answer.bytes().await?)?;
        Ok(body["data"].as_array().cloned().unwrap_or_default())
    }

    /// Waits until there are so many commissions: what a shop has stored is delivered later.
    ///
    /// # Errors
    ///
    /// When they do not come within a minute.
    pub async fn until_commissions(&self, count: usize) -> anyhow::Result<()> {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let commissions = self.commissions().await?;
            if commissions.len() >= count {
                return Ok(());
            }
            ensure!(
                Instant::now() < until,
                "{count} commissions are wanted, there are {commissions:?}"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
