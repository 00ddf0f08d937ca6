//! Other cookies of the same name, of a script and of older settings.

use anyhow::ensure;

use super::{TWINS_DOMAIN, Tab};

/// The site writes its cookie for [`TWINS_DOMAIN`], and has a gate.
pub(super) async fn make_way(tab: &Tab<'_>, site: &str) -> anyhow::Result<()> {
    let site = site.replace("127.0.0.1", &format!("app.{TWINS_DOMAIN}"));
    let older = [
        "path=/",
        "path=/shop",
        "path=/shop/",
        "path=/shop/page",
        &format!("path=/; domain={TWINS_DOMAIN}"),
        &format!("path=/shop; domain={TWINS_DOMAIN}"),
        &format!("path=/; domain=app.{TWINS_DOMAIN}"),
    ];
    let older = older.iter().enumerate();
    let older: Vec<_> = older
        .map(|(at, place)| format!("refp_id=clk_js_{at}; max-age=600; {place}"))
        .collect();

    // One at a time, and all at once.
    let mut sets: Vec<&[String]> = older.chunks(1).collect();
    sets.push(&older);
    for set in sets {
        start(tab, &site, set).await?;
        tab.open(&format!("{site}/shop/page?refp_id=clk_new"))
            .await?;
        for path in ["/shop/page", "/shop/other", "/"] {
            tab.open(&format!("{site}{path}")).await?;
            let seen = tab.seen().await?;
            ensure!(seen == "clk_new", "{path} sees {seen} after {set:?}");
        }

        start(tab, &site, set).await?;
        tab.open(&format!("{site}/shop/page")).await?;
        ensure!(
            tab.seen().await?.starts_with("clk_js"),
            "it is there: {set:?}"
        );
        tab.write_cookie("choice=no; path=/").await?;
        tab.open(&format!("{site}/shop/page")).await?;
        ensure!(tab.seen().await? == "none", "withdrawn: {set:?}");
        tab.write_cookie("choice=yes; path=/").await?;
        tab.open(&format!("{site}/shop/page")).await?;
        ensure!(tab.seen().await? == "none", "they are gone: {set:?}");
    }
    Ok(())
}

/// A browser with these cookies, whose visitor agrees to more. They are set where scripts of the
/// deepest page may set them.
async fn start(tab: &Tab<'_>, site: &str, set: &[String]) -> anyhow::Result<()> {
    tab.begin(site).await?;
    tab.open(&format!("{site}/shop/page")).await?;
    tab.forget_all().await?;
    tab.write_cookie("choice=yes; path=/").await?;
    for cookie in set {
        tab.write_cookie(cookie).await?;
    }
    Ok(())
}
