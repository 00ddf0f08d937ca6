//! What a browser makes of the capturing layers: the cookie as it keeps it, the address bar and the
//! history, consent given and withdrawn, and a page whose own script writes the same cookie.

mod beside_script;
mod clean_url;
mod consent;
mod flags;
mod tab;

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
    /// With a gate that reads the cookie `choice`: `yes` is consent, another value denies it, and
    /// without one it is unknown.
    pub consent: String,
}

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
    flags::are_kept(&tab, &sites.plain, Flags::default()).await?;
    flags::are_kept(&tab, &sites.https, Flags::default().secure()).await?;
    flags::are_kept(&tab, &sites.http_only, Flags::default().http_only()).await?;
    clean_url::is_shown(&tab, &sites.clean_url).await?;
    consent::is_obeyed(&tab, &sites.consent).await?;
    beside_script::is_one_cookie(&tab, &sites.plain).await?;
    beside_script::is_one_cookie(&tab, &sites.https).await?;
    browser.quit().await
}
