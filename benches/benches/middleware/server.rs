//! Who is measured, and what visitors send.

use http::HeaderMap;

use super::{cases, on_actix, on_axum};

/// A service in this process, with requests that wait for it.
pub(super) trait Server {
    /// Builds requests, which [`serve`](Self::serve) takes.
    fn prepare(&mut self, url: &str, headers: &HeaderMap, count: usize);

    /// Answers one request that was prepared, and drops the answer.
    fn serve(&mut self);

    /// The same, and gives the length of the answer.
    fn answer(&mut self) -> u64;
}

/// One way to use the framework.
pub(super) struct Variant {
    pub(super) name: &'static str,
    /// Whether the handler asks for the click ID, and answers [accordingly](text).
    pub(super) reads: bool,
    pub(super) server: Box<dyn Server>,
}

/// What is compared with one another.
pub(super) struct Group {
    pub(super) name: &'static str,
    pub(super) url: &'static str,
    /// The bare framework is the first.
    pub(super) variants: Vec<Variant>,
}

pub(super) const AXUM: &str = "axum";
pub(super) const AXUM_QUERY: &str = "axum, the URL has two other parameters";
pub(super) const AXUM_CLONED: &str = "axum, cloned for each request as `axum::serve` does";
pub(super) const ACTIX: &str = "actix-web";
pub(super) const ACTIX_QUERY: &str = "actix-web, the URL has two other parameters";

pub(super) const AROUND: &str = "ClickIdLayer around the router";
pub(super) const ROUTER_LAYER: &str = "ClickIdLayer through Router::layer";
pub(super) const CAPTURE: &str = "CaptureLayer around the router";
pub(super) const CAPTURE_IGNORING: &str = "CaptureLayer that ignores Sec-GPC around the router";
pub(super) const NO_OP: &str = "a layer that does nothing through Router::layer";
pub(super) const MIDDLEWARE: &str = "ClickIdMiddleware";
pub(super) const ACTIX_CAPTURE: &str = "CaptureMiddleware";
pub(super) const EXTRACTOR: &str = "Option<ClickId> in the handler, nothing else";
pub(super) const PEER: &str = "tower-cookies around the router, and get";

pub(super) fn groups() -> Vec<Group> {
    const URL: &str = "/buy";
    const URL_WITH_QUERY: &str = "/buy?plan=pro&page=2";
    let group = |name, url, variants| Group {
        name,
        url,
        variants,
    };
    vec![
        group(AXUM, URL, on_axum::variants()),
        group(AXUM_QUERY, URL_WITH_QUERY, on_axum::capturing()),
        group(AXUM_CLONED, URL, on_axum::cloned()),
        group(ACTIX, URL, on_actix::variants()),
        group(ACTIX_QUERY, URL_WITH_QUERY, on_actix::capturing()),
    ]
}

/// What a visitor sends.
pub(super) struct Traffic {
    pub(super) name: &'static str,
    pub(super) is_referred: bool,
    pub(super) headers: HeaderMap,
}

pub(super) const NO_COOKIES: &str = "no cookies";
pub(super) const ORGANIC: &str = "12 organic";
pub(super) const REFERRED: &str = "12 referred";
pub(super) const MANY: &str = "30 organic";

/// Requests of the bench `scan`: three organic ones, and one with the click ID amid other cookies.
pub(super) fn traffic() -> Vec<Traffic> {
    let mut cases = cases::all();
    let mut pick = |name, of_scan| {
        let at = cases.iter().position(|case| case.name == of_scan);
        let case = cases.swap_remove(at.expect("the bench `scan` has it"));
        Traffic {
            name,
            is_referred: case.found.is_some(),
            headers: case.headers,
        }
    };
    vec![
        pick(NO_COOKIES, "none"),
        pick(ORGANIC, "12 none"),
        pick(REFERRED, "12 mid"),
        pick(MANY, "30 none"),
    ]
}

/// What a handler answers.
pub(super) const fn text(is_referred: bool) -> &'static str {
    if is_referred { "referred" } else { "organic" }
}
