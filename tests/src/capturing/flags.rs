//! The cookie's flags, as the browser keeps them.

use anyhow::{Context, ensure};
use thirtyfour::SameSite;

use super::Tab;
use crate::clock::{DAY, unix_now};

#[derive(Clone, Copy, Default)]
pub(super) struct Flags {
    secure: bool,
    http_only: bool,
}

impl Flags {
    pub(super) const fn secure(self) -> Self {
        Self {
            secure: true,
            ..self
        }
    }

    pub(super) const fn http_only(self) -> Self {
        Self {
            http_only: true,
            ..self
        }
    }
}

pub(super) async fn are_kept(tab: &Tab<'_>, site: &str, flags: Flags) -> anyhow::Result<()> {
    tab.begin(site).await?;
    let before = unix_now()?;
    tab.open(&format!("{site}/?refp_id=clk_1")).await?;
    let after = unix_now()?;
    ensure!(
        tab.seen().await? == "clk_1",
        "the landing request has its click"
    );

    let cookie = tab.cookie().await?;
    ensure!(cookie.value == "clk_1", "{cookie:?}");
    ensure!(cookie.path.as_deref() == Some("/"), "{cookie:?}");
    ensure!(
        cookie.domain.as_deref() == Some("127.0.0.1"),
        "not host-only: {cookie:?}"
    );
    ensure!(cookie.same_site == Some(SameSite::Lax), "{cookie:?}");
    ensure!(cookie.secure == Some(flags.secure), "{cookie:?}");
    ensure!(cookie.http_only == Some(flags.http_only), "{cookie:?}");
    // The browser counts from when the answer came, and keeps whole seconds.
    let expiry = cookie.expiry.context("a session cookie")?;
    let ninety_days = before + 90 * DAY - 1..=after + 90 * DAY + 1;
    ensure!(
        ninety_days.contains(&expiry),
        "{expiry} is not in {ninety_days:?}"
    );

    let scripts_see_it = tab.script_cookies().await?.contains("refp_id=clk_1");
    ensure!(scripts_see_it != flags.http_only, "seen: {scripts_see_it}");
    tab.open(&format!("{site}/later")).await?;
    ensure!(
        tab.seen().await? == "clk_1",
        "the next request brings the cookie"
    );
    Ok(())
}
