//! Names with a prefix, which browsers keep only if the cookie is as it says.

use anyhow::{Context, ensure};

use super::Tab;

/// The site's cookie has this name, and goes by https.
pub(super) async fn are_kept(tab: &Tab<'_>, name: &str, site: &str) -> anyhow::Result<()> {
    tab.begin(site).await?;
    tab.open(&format!("{site}/shop/page?refp_id=clk_1")).await?;
    let cookies = tab.cookies_named(name).await?;
    let cookie = cookies.first().with_context(|| format!("no {name}"))?;
    ensure!(cookie.value == "clk_1", "{cookie:?}");
    ensure!(cookie.secure == Some(true), "{cookie:?}");
    ensure!(cookie.path.as_deref() == Some("/"), "{cookie:?}");
    let hidden = name.to_ascii_lowercase().contains("http-");
    ensure!(cookie.http_only == Some(hidden), "{cookie:?}");
    tab.open(&format!("{site}/later")).await?;
    ensure!(tab.seen().await? == "clk_1", "{name} is read");
    Ok(())
}
