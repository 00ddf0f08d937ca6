use std::time::Duration;

use anyhow::{Context, ensure};
use refport_outbox::refport_core::ClickId;
use reqwest::{Client, StatusCode, header::LOCATION, redirect::Policy};
use url::Url;

use crate::roles::START;

/// A visitor who follows a partner's link.
#[derive(Clone, Debug)]
pub(crate) struct Visitor(Client);

impl Visitor {
    /// A redirect waits for no write.
    const PATIENCE: Duration = Duration::from_millis(900);

    pub(crate) fn new() -> anyhow::Result<Self> {
        let client = Client::builder()
            .redirect(Policy::none())
            .timeout(Self::PATIENCE)
            .no_proxy()
            .build()?;
        Ok(Self(client))
    }

    /// The click that the link gives.
    pub(crate) async fn click(&self, link: &str) -> anyhow::Result<ClickId> {
        Ok(self.follow(link).await?.0)
    }

    /// The click, and which start of the server gave it.
    pub(crate) async fn follow(&self, link: &str) -> anyhow::Result<(ClickId, u32)> {
        let answer = self.0.get(link).send().await?;
        ensure!(answer.status() == StatusCode::FOUND, "{}", answer.status());
        let location = answer.headers().get(LOCATION).context("no location")?;
        let location = Url::parse(location.to_str()?)?;
        let click_id = location.query_pairs().find(|(name, _)| name == "refp_id");
        let (_, click_id) = click_id.context("the link gave no click")?;
        let start = answer.headers().get(START).context("no start")?;
        Ok((click_id.parse()?, start.to_str()?.parse()?))
    }
}
