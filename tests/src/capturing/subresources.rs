//! What a page loads by itself is no click.

use anyhow::ensure;

use super::Tab;

/// What a page may hold, as a script that puts it there and calls `done` when it was loaded.
const PARTS: [(&str, &str); 4] = [
    (
        "a picture",
        "const part = new Image(); part.onload = part.onerror = () => done('');\
         part.src = '/?refp_id=clk_evil'; document.body.append(part)",
    ),
    (
        "a script",
        "const part = document.createElement('script');\
         part.onload = part.onerror = () => done('');\
         part.src = '/?refp_id=clk_evil'; document.body.append(part)",
    ),
    (
        "a frame",
        "const part = document.createElement('iframe'); part.onload = () => done('');\
         part.src = '/?refp_id=clk_evil'; document.body.append(part)",
    ),
    (
        "a fetch",
        "fetch('/?refp_id=clk_evil').then(answer => answer.text()).then(() => done(''))",
    ),
];

pub(super) async fn capture_nothing(tab: &Tab<'_>, site: &str) -> anyhow::Result<()> {
    for (what, part) in PARTS {
        tab.begin(site).await?;
        tab.later(part).await?;
        ensure!(tab.cookies().await?.is_empty(), "{what} captured");

        tab.open(&format!("{site}/?refp_id=clk_honest")).await?;
        tab.later(part).await?;
        let cookie = tab.cookie().await?;
        ensure!(cookie.value == "clk_honest", "{what} took over: {cookie:?}");
        tab.open(&format!("{site}/later")).await?;
        ensure!(tab.seen().await? == "clk_honest", "{what} is seen");
    }
    Ok(())
}
