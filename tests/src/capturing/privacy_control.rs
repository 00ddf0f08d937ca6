//! Global Privacy Control.

use anyhow::ensure;

use super::Tab;

pub(super) async fn is_obeyed(tab: &Tab<'_>, site: &str) -> anyhow::Result<()> {
    let landing = format!("{site}/?refp_id=clk_1");
    let later = format!("{site}/later");

    tab.begin(site).await?;
    tab.privacy_control(true).await?;
    tab.open(&landing).await?;
    ensure!(tab.seen().await? == "none", "the handler sees no click");
    ensure!(tab.cookies().await?.is_empty(), "nothing is stored");

    tab.privacy_control(false).await?;
    tab.open(&landing).await?;
    ensure!(tab.cookie().await?.value == "clk_1", "without it, it is");

    tab.privacy_control(true).await?;
    tab.open(&later).await?;
    ensure!(tab.seen().await? == "none", "what is stored is not read");
    ensure!(tab.cookies().await?.is_empty(), "and goes");
    tab.privacy_control(false).await
}
