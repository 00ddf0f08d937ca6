//! Pages that the browser loads before the visitor asks for them.

use anyhow::ensure;

use super::Tab;
use crate::{Api, Service, Tap};

/// Has the page load `address` ahead, in this way (`prefetch`, `prerender`).
fn rule(way: &str, address: &str) -> String {
    format!(
        "const rules = document.createElement('script'); rules.type = 'speculationrules';\
         rules.textContent = JSON.stringify({{\
           {way}: [{{source: 'list', urls: ['{address}'], eagerness: 'immediate'}}]\
         }});\
         document.head.append(rules)"
    )
}

/// A landing page is loaded ahead from another site, and from the same one.
pub(super) async fn is_a_click_once_it_is_opened(tab: &Tab<'_>, site: &str) -> anyhow::Result<()> {
    for (way, partner) in [
        ("prefetch", "partner.localhost"),
        ("prefetch", "shop.localhost"),
        ("prerender", "shop.localhost"),
    ] {
        let tap = Tap::start(site).await?;
        let shop = tap.url("shop.localhost");
        tab.forget_everything().await?;
        tab.begin(&tap.url(partner)).await?;
        let landing = format!("{shop}/?refp_id=clk_ahead");
        tab.run(&rule(way, &landing)).await?;
        tap.until_sent("Sec-Purpose: prefetch").await?;
        ensure!(
            !tab.keeps_any().await?,
            "{way} from {partner}: no click yet"
        );

        tab.follow(&landing).await?;
        tab.until_seen("clk_ahead").await?;
        let cookie = tab.cookie().await?;
        ensure!(
            cookie.value == "clk_ahead",
            "{way} from {partner}: {cookie:?}"
        );
        tab.open(&format!("{shop}/later")).await?;
        tab.until_seen("clk_ahead").await?;
    }
    Ok(())
}

/// A link of the server's that leads to the site.
pub(super) async fn is_one_click_of_a_link(tab: &Tab<'_>, site: &str) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let service = Service::start(folder.path(), &format!("{site}/")).await?;
    let api = Api::new(&service.url(), service.api_key());
    let tap = Tap::start(&service.url()).await?;
    let link = service
        .link()
        .replace(&service.url(), &tap.url("go.localhost"));

    tab.forget_everything().await?;
    tab.begin(site).await?;
    tab.run(&rule("prefetch", &link)).await?;
    tap.until_sent("Sec-Purpose: prefetch").await?;
    ensure!(api.clicks().await? == 0, "nobody has followed the link");
    ensure!(!tab.keeps_any().await?, "nobody has landed");

    tab.follow(&link).await?;
    let landed = format!("{site}/?refp_id=");
    tab.until_at(&landed).await?;
    let click = tab.seen().await?;
    ensure!(tab.cookie().await?.value == click, "{click} is stored");
    ensure!(api.clicks().await? == 1, "followed once, counted once");
    Ok(())
}
