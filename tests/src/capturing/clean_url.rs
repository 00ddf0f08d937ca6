//! The address bar and the history.

use anyhow::ensure;

use super::Tab;

pub(super) async fn is_shown(tab: &Tab<'_>, site: &str) -> anyhow::Result<()> {
    tab.begin(site).await?;
    tab.follow("/?a=%7e+1&refp_id=clk_1&b#there").await?;
    ensure!(
        tab.seen().await? == "clk_1",
        "the redirect brings the cookie"
    );
    let clean = format!("{site}/?a=%7e+1&b#there");
    let address = tab.address().await?;
    ensure!(address == clean, "{address}");

    tab.back().await?;
    let address = tab.address().await?;
    ensure!(address == format!("{site}/before"), "back at {address}");
    tab.forward().await?;
    let address = tab.address().await?;
    ensure!(address == clean, "forward at {address}");

    let fetch = "fetch('/?refp_id=clk_2').then(answer => done(answer.url))";
    let fetched = tab.later(fetch).await?;
    ensure!(
        fetched == format!("{site}/?refp_id=clk_2"),
        "a script's request was sent to {fetched}"
    );
    ensure!(tab.cookie().await?.value == "clk_1", "and is no click");
    Ok(())
}

/// Inside of a router that has a part of the path to itself.
pub(super) async fn is_whole(tab: &Tab<'_>, site: &str) -> anyhow::Result<()> {
    tab.begin(site).await?;
    tab.follow("/shop/page?a=1&refp_id=clk_1").await?;
    tab.until_at(&format!("{site}/shop/page?a=1")).await?;
    let address = tab.address().await?;
    ensure!(address == format!("{site}/shop/page?a=1"), "{address}");
    ensure!(
        tab.seen().await? == "clk_1",
        "it is the page that was asked for"
    );
    ensure!(tab.cookie().await?.value == "clk_1", "with its click");
    Ok(())
}
