//! A page whose own script writes the same cookie.

use anyhow::ensure;

use super::{SCRIPTED_PATH, Tab};

pub(super) async fn is_one_cookie(tab: &Tab<'_>, site: &str) -> anyhow::Result<()> {
    let scripted = |click: &str| format!("{site}{SCRIPTED_PATH}?refp_id={click}");
    tab.begin(site).await?;
    for (address, click) in [
        (scripted("clk_1"), "clk_1"), // the server, then the script
        (scripted("clk_2"), "clk_2"), // over what both wrote
        (format!("{site}/?refp_id=clk_3"), "clk_3"), // the server alone
        (scripted("clk_4"), "clk_4"), // both, over the server's
    ] {
        tab.open(&address).await?;
        ensure!(
            tab.seen().await? == click,
            "the handler did not see {click}"
        );
        is_the_only_one(tab, click).await?;
    }

    // The script alone, in a page that changes its address without a request.
    tab.run("document.cookie = 'refp_id=clk_5; path=/; max-age=7776000; SameSite=Lax'")
        .await?;
    is_the_only_one(tab, "clk_5").await?;
    tab.open(&format!("{site}/later")).await?;
    ensure!(tab.seen().await? == "clk_5", "the last click wins");
    Ok(())
}

async fn is_the_only_one(tab: &Tab<'_>, click: &str) -> anyhow::Result<()> {
    let cookie = tab.cookie().await?;
    ensure!(cookie.value == click, "{cookie:?} instead of {click}");
    let seen = tab.script_cookies().await?;
    ensure!(
        seen.matches("refp_id=").count() == 1 && seen.contains(click),
        "scripts see {seen}"
    );
    Ok(())
}
