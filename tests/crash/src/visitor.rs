use std::time::Duration;

use anyhow::{Context, ensure};
use refport_outbox::refport_core::ClickId;
use reqwest::{Client, StatusCode, header::LOCATION, redirect::Policy};
use url::Url;

/// A visitor who follows a partner's link.
#[derive(Clone, Debug)]
pub(crate) struct Visitor(Client);

impl Visitor {
    /// The server lets a visitor go on after a second with a click that is still to be written, and
    /// a kill just then takes it along. A visitor who was answered sooner has a click that is on
    /// the disk.
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
        let answer = self.0.get(link).send().await?;
        ensure!(answer.status() == StatusCode::FOUND, "{}", answer.status());
        let location = answer.headers().get(LOCATION).context("no location")?;
        let location = Url::parse(location.to_str()?)?;
        let click_id = location.query_pairs().find(|(name, _)| name == "refp_id");
        let (_, click_id) = click_id.context("the link gave no click")?;
        Ok(click_id.parse()?)
    }
}
