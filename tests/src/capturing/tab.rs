use anyhow::{Context, bail};
use thirtyfour::{By, Cookie, WebDriver};

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

    /// What scripts see of the cookies.
    pub(super) async fn script_cookies(&self) -> anyhow::Result<String> {
        self.text("return document.cookie").await
    }

    pub(super) async fn run(&self, script: &str) -> anyhow::Result<()> {
        self.driver.execute(script, Vec::new()).await?;
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
        let mut cookies = self.driver.get_all_cookies().await?;
        cookies.retain(|cookie| cookie.name == "refp_id");
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
