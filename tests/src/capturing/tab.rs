use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};
use thirtyfour::{By, Cookie, WebDriver, prelude::ElementQueryable};

/// How long a page may take to come.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is done in the browser, and what is seen there.
pub(super) struct Tab<'a> {
    driver: &'a WebDriver,
}

impl<'a> Tab<'a> {
    pub(super) const fn new(driver: &'a WebDriver) -> Self {
        Self { driver }
    }

    /// Opens a site's page without a click on it, and forgets all of the site's cookies.
    pub(super) async fn begin(&self, site: &str) -> anyhow::Result<()> {
        self.open(&format!("{site}/before")).await?;
        Ok(self.driver.delete_all_cookies().await?)
    }

    pub(super) async fn open(&self, address: &str) -> anyhow::Result<()> {
        Ok(self.driver.goto(address).await?)
    }

    /// Forgets the cookies of the page that is open.
    pub(super) async fn forget_all(&self) -> anyhow::Result<()> {
        Ok(self.driver.delete_all_cookies().await?)
    }

    /// Waits until the address bar shows what begins like this.
    pub(super) async fn until_at(&self, address: &str) -> anyhow::Result<()> {
        let until = Instant::now() + PATIENCE;
        loop {
            let shown = self.address().await?;
            if shown.starts_with(address) {
                return Ok(());
            }
            ensure!(Instant::now() < until, "at {shown}, not at {address}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Clicks on a link of the page that leads to `address`.
    pub(super) async fn follow(&self, address: &str) -> anyhow::Result<()> {
        self.run(&format!(
            "document.getElementById('link').href = '{address}'"
        ))
        .await?;
        Ok(self.driver.find(By::Id("link")).await?.click().await?)
    }

    pub(super) async fn back(&self) -> anyhow::Result<()> {
        Ok(self.driver.back().await?)
    }

    pub(super) async fn forward(&self) -> anyhow::Result<()> {
        Ok(self.driver.forward().await?)
    }

    /// What the address bar shows.
    pub(super) async fn address(&self) -> anyhow::Result<String> {
        self.text("return location.href").await
    }

    /// What the handler saw: a click ID, or `none`.
    pub(super) async fn seen(&self) -> anyhow::Result<String> {
        Ok(self.driver.find(By::Id("seen")).await?.text().await?)
    }

    /// Waits until the handler of the page that is open has seen this click.
    pub(super) async fn until_seen(&self, click: &str) -> anyhow::Result<()> {
        let seen = self.driver.query(By::Id("seen"));
        let seen = seen.with_text(click.to_owned());
        seen.first()
            .await
            .with_context(|| format!("no page that has seen {click}"))?;
        Ok(())
    }

    /// Forgets the cookies of all sites.
    pub(super) async fn forget_everything(&self) -> anyhow::Result<()> {
        self.devtools("Storage.clearCookies", json!({})).await?;
        Ok(())
    }

    /// Whether the browser keeps a click's cookie for any site at all.
    pub(super) async fn keeps_any(&self) -> anyhow::Result<bool> {
        let all = self.devtools("Storage.getCookies", json!({})).await?;
        let cookies = all["cookies"].as_array().context("no list of cookies")?;
        Ok(cookies.iter().any(|cookie| cookie["name"] == "refp_id"))
    }

    /// Sends Global Privacy Control with every request from now on, or no longer.
    pub(super) async fn privacy_control(&self, on: bool) -> anyhow::Result<()> {
        self.devtools("Network.enable", json!({})).await?;
        let headers = if on {
            json!({ "Sec-GPC": "1" })
        } else {
            json!({})
        };
        let headers = json!({ "headers": headers });
        self.devtools("Network.setExtraHTTPHeaders", headers)
            .await?;
        Ok(())
    }

    async fn devtools(&self, command: &str, parameters: Value) -> anyhow::Result<Value> {
        Ok(self.driver.cdp().send_raw(command, parameters).await?)
    }

    /// What scripts see of the cookies.
    pub(super) async fn script_cookies(&self) -> anyhow::Result<String> {
        self.text("return document.cookie").await
    }

    pub(super) async fn run(&self, script: &str) -> anyhow::Result<()> {
        self.driver.execute(script, Vec::new()).await?;
        Ok(())
    }

    /// Has a script of the page write a cookie, and waits until the browser keeps it.
    pub(super) async fn write_cookie(&self, cookie: &str) -> anyhow::Result<()> {
        self.run(&format!("document.cookie = '{cookie}'")).await?;
        let pair = cookie.split(';').next().unwrap_or_default();
        let is_it = |kept: &Cookie| format!("{}={}", kept.name, kept.value) == pair;
        let until = Instant::now() + PATIENCE;
        while !self.driver.get_all_cookies().await?.iter().any(is_it) {
            ensure!(Instant::now() < until, "the browser does not keep {cookie}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// The text that a script returns.
    async fn text(&self, script: &str) -> anyhow::Result<String> {
        Ok(self.driver.execute(script, Vec::new()).await?.convert()?)
    }

    /// The text that a script hands over later, by calling `done`.
    pub(super) async fn later(&self, script: &str) -> anyhow::Result<String> {
        let script = format!("const done = arguments[0]; {script}");
        let done = self.driver.execute_async(script, Vec::new()).await?;
        Ok(done.convert()?)
    }

    /// The click's cookies as the browser keeps them.
    pub(super) async fn cookies(&self) -> anyhow::Result<Vec<Cookie>> {
        self.cookies_named("refp_id").await
    }

    pub(super) async fn cookies_named(&self, name: &str) -> anyhow::Result<Vec<Cookie>> {
        let mut cookies = self.driver.get_all_cookies().await?;
        cookies.retain(|cookie| cookie.name == name);
        Ok(cookies)
    }

    /// The only one of them.
    pub(super) async fn cookie(&self) -> anyhow::Result<Cookie> {
        let cookies = self.cookies().await?;
        if cookies.len() > 1 {
            bail!("more than one: {cookies:?}");
        }
        cookies.into_iter().next().context("no cookie `refp_id`")
    }
}
