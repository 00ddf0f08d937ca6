//! Consent that is unknown, given, and withdrawn.

use anyhow::ensure;

use super::Tab;

pub(super) async fn is_obeyed(tab: &Tab<'_>, site: &str) -> anyhow::Result<()> {
    let landing = format!("{site}/?refp_id=clk_1");
    let later = format!("{site}/later");

    tab.begin(site).await?;
    tab.open(&landing).await?;
    ensure!(
        tab.seen().await? == "clk_1",
        "unknown: this request has its click"
    );
    ensure!(
        tab.cookies().await?.is_empty(),
        "unknown: nothing is stored"
    );
    tab.open(&later).await?;
    ensure!(tab.seen().await? == "none", "unknown: so the next has none");

    choose(tab, "yes").await?;
    tab.open(&landing).await?;
    ensure!(tab.cookie().await?.value == "clk_1", "given: it is stored");
    tab.open(&later).await?;
    ensure!(tab.seen().await? == "clk_1", "given: it is read");

    choose(tab, "no").await?;
    tab.open(&later).await?;
    ensure!(
        tab.seen().await? == "none",
        "withdrawn: the handler sees none"
    );
    ensure!(
        tab.cookies().await?.is_empty(),
        "withdrawn: the browser's cookie is gone"
    );
    tab.open(&landing).await?;
    ensure!(
        tab.seen().await? == "none" && tab.cookies().await?.is_empty(),
        "withdrawn: a new click is dropped"
    );
    Ok(())
}

/// The visitor's answer to the site's banner.
async fn choose(tab: &Tab<'_>, answer: &str) -> anyhow::Result<()> {
    tab.write_cookie(&format!("choice={answer}; path=/")).await
}
