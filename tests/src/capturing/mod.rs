//! What a browser makes of the capturing layers: the cookie as it keeps it and what else of its name
//! there is, the address bar and the history, what pages load by themselves and ahead, consent given
//! at once, late and withdrawn, and a page whose own script writes the same cookie.

mod ahead;
mod beside_script;
mod clean_url;
mod consent;
mod flags;
mod late_consent;
mod prefixes;
mod privacy_control;
mod subresources;
mod tab;
mod twins;

use anyhow::Context;

use self::{flags::Flags, tab::Tab};
use crate::Browser;

/// Where the same site runs with each setting; origins, such as `http://127.0.0.1:3000`.
///
/// Each answers every path but [`SCRIPTED_PATH`] with [`page`], and that one with
/// [`scripted_page`].
#[derive(Debug)]
pub struct Sites {
    /// All defaults.
    pub plain: String,
    /// All defaults, behind TLS.
    pub https: String,
    /// Hidden from scripts.
    pub http_only: String,
    /// With a redirect to the clean URL.
    pub clean_url: String,
    /// The same, in a router that is nested at `/shop`. Other paths have a page without a layer.
    pub nested: String,
    /// With a gate that reads the cookie `choice`: `yes` is consent, another value denies it, and
    /// without one it is unknown. The page's banner agrees at [`AGREE_PATH`].
    pub consent: String,
    /// The same, with cookies for [`TWINS_DOMAIN`] and the one that is meant by [`FORMER_DOMAIN`].
    pub twins: String,
    /// Behind TLS, with each of [`PREFIXED`] for the cookie's name.
    pub prefixed: Vec<String>,
}

/// Where a banner says that the visitor agrees.
pub const AGREE_PATH: &str = "/referral/agree";

/// The domain of the cookies of [`Sites::twins`]. Browsers find the machine itself by it.
pub const TWINS_DOMAIN: &str = "shop.localhost";

/// A domain that those cookies had before.
pub const FORMER_DOMAIN: &str = "app.shop.localhost";

/// Names that browsers keep only if the cookie is as they say.
pub const PREFIXED: [&str; 6] = [
    "__Host-refp_id",
    "__host-refp_id",
    "__Secure-refp_id",
    "__SECURE-refp_id",
    "__Http-refp_id",
    "__Host-Http-refp_id",
];

/// Where a site has its [`scripted_page`].
pub const SCRIPTED_PATH: &str = "/scripted";

/// A page that shows which click ID its handler saw.
#[must_use]
pub fn page(click_id: Option<&str>) -> String {
    let seen = click_id.unwrap_or("none");
    format!(
        "<!doctype html><html lang=en><title>Site</title><link rel=icon href=\"data:,\">\
         <p id=seen>{seen}</p><p><a id=link href=/>A link</a></p></html>"
    )
}

/// The same with a script that captures, too, as the official browser SDK does.
#[must_use]
pub fn scripted_page(click_id: Option<&str>) -> String {
    let script = "<script>\
         const id = new URLSearchParams(location.search).get('refp_id');\
         if (id) document.cookie = 'refp_id=' + encodeURIComponent(id) +\
         '; path=/; max-age=7776000; SameSite=Lax';\
         </script>";
    page(click_id) + script
}

/// Goes through all of it in one browser. Without a browser it says that it skips; see
/// [`Browser::start`].
///
/// # Errors
///
/// When the browser shows anything else than it should.
pub async fn capture_in_a_browser(sites: &Sites) -> anyhow::Result<()> {
    let Some(browser) = Browser::start().await? else {
        return Ok(());
    };
    let tab = Tab::new(&browser.driver);
    flags::are_kept(&tab, &sites.plain, Flags::default())
        .await
        .context("flags")?;
    flags::are_kept(&tab, &sites.https, Flags::default().secure())
        .await
        .context("flags behind TLS")?;
    flags::are_kept(&tab, &sites.http_only, Flags::default().http_only())
        .await
        .context("hidden from scripts")?;
    clean_url::is_shown(&tab, &sites.clean_url)
        .await
        .context("clean URL")?;
    clean_url::is_whole(&tab, &sites.nested)
        .await
        .context("clean URL in a nested router")?;
    subresources::capture_nothing(&tab, &sites.plain)
        .await
        .context("what pages load")?;
    ahead::is_a_click_once_it_is_opened(&tab, &sites.plain)
        .await
        .context("loaded ahead")?;
    ahead::is_one_click_of_a_link(&tab, &sites.plain)
        .await
        .context("a link loaded ahead")?;
    consent::is_obeyed(&tab, &sites.consent)
        .await
        .context("consent")?;
    late_consent::keeps_the_click(&tab, &sites.consent)
        .await
        .context("late consent")?;
    late_consent::drops_the_click(&tab, &sites.consent)
        .await
        .context("late refusal")?;
    privacy_control::is_obeyed(&tab, &sites.plain)
        .await
        .context("privacy control")?;
    twins::make_way(&tab, &sites.twins).await.context("twins")?;
    for (name, site) in PREFIXED.iter().zip(&sites.prefixed) {
        prefixes::are_kept(&tab, name, site)
            .await
            .context("prefixes")?;
    }
    beside_script::is_one_cookie(&tab, &sites.plain)
        .await
        .context("beside a script")?;
    beside_script::is_one_cookie(&tab, &sites.https)
        .await
        .context("beside a script, behind TLS")?;
    browser.quit().await
}
