//! The short link: a click is recorded, and the visitor goes on with its ID.

use std::net::SocketAddr;

use axum::{
    Extension,
    extract::{ConnectInfo, Path, RawQuery, State, rejection::PathRejection},
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
        header::{CACHE_CONTROL, LOCATION, REFERER, USER_AGENT},
    },
    response::{Html, IntoResponse, Response},
};
use refport_core::{Timestamp, capture::is_speculative};
use sha2::{Digest, Sha256};
use url::Url;

use super::{App, error::ApiError, visitor::Verdict};
use crate::{domain::NewClick, store::query::ShortLink};

/// The parameter by which the click ID reaches the merchant's site (Refport browser SDK).
const PARAM: &str = "refp_id";
/// User agents and referrers are cut to so many characters.
const MAX_TEXT: usize = 512;

pub(super) async fn follow(
    State(app): State<App>,
    key: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
    method: Method,
    headers: HeaderMap,
    address: Option<Extension<ConnectInfo<SocketAddr>>>,
) -> Result<Response, ApiError> {
    let link = match key {
        Ok(Path(key)) => app.0.store.find_link(&key).await?,
        Err(_) => None,
    };
    let Some(link) = link else {
        return Ok((StatusCode::NOT_FOUND, Html(NOT_FOUND)).into_response());
    };
    if is_speculative(&headers) {
        // Nobody has followed the link yet. The browser asks again when somebody does, and that is
        // the click.
        let no_store = [(CACHE_CONTROL, HeaderValue::from_static("no-store"))];
        return Ok((StatusCode::SERVICE_UNAVAILABLE, no_store).into_response());
    }
    let click_id = if method == Method::HEAD {
        None
    } else {
        let address = address.map(|Extension(ConnectInfo(address))| address);
        app.click(&link, &headers, address)?
    };
    let location = location(
        &link.destination,
        query.as_deref().unwrap_or(""),
        click_id.as_deref(),
    );
    let location = location.ok_or_else(ApiError::internal)?;
    let headers = [
        (LOCATION, location),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (
            HeaderName::from_static("x-robots-tag"),
            HeaderValue::from_static("noindex"),
        ),
    ];
    Ok((StatusCode::FOUND, headers).into_response())
}

impl App {
    /// Counts the click and answers its ID, without waiting for a write: the ID stands by itself.
    /// `None` for a program that previews links, which nobody has followed.
    fn click(
        &self,
        link: &ShortLink,
        headers: &HeaderMap,
        address: Option<SocketAddr>,
    ) -> Result<Option<String>, ApiError> {
        let now = Timestamp::now().as_millis();
        let key = link.keys.newest().ok_or_else(ApiError::internal)?;
        let id = key.click_id(link.number, now);
        let user_agent = text(headers, USER_AGENT);
        let verdict = Verdict::of(user_agent.as_deref().unwrap_or_default());
        self.0.store.click(NewClick {
            id: id.clone(),
            workspace_id: link.workspace_id.clone(),
            link_id: link.id.clone(),
            verdict: verdict.as_str(),
            address_hash: address.map(|address| hash_address(&link.address_salt, address)),
            user_agent,
            referrer: text(headers, REFERER),
            created_at: now,
        });
        Ok((verdict != Verdict::Preview).then_some(id))
    }
}

/// Without the salt the few IPv4 addresses could all be tried.
fn hash_address(salt: &[u8], address: SocketAddr) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(salt);
    hash.update(address.ip().to_string());
    hash.finalize().into()
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    let text = String::from_utf8_lossy(headers.get(name)?.as_bytes())
        .chars()
        .take(MAX_TEXT)
        .collect();
    Some(text)
}

/// The destination with the click ID set, and with those parameters of the short link that the
/// destination does not have itself. `None` where the stored destination is no URL.
fn location(destination: &str, inbound: &str, click_id: Option<&str>) -> Option<HeaderValue> {
    let mut url = Url::parse(destination).ok()?;
    let own = url.query().unwrap_or("").to_owned();
    let own: Vec<&str> = pairs(&own).filter(|pair| name(pair) != PARAM).collect();
    let set = click_id.map(|id| format!("{PARAM}={id}"));
    let passed = pairs(inbound).filter(|pair| {
        let name = name(pair);
        name != PARAM && own.iter().all(|own| self::name(own) != name)
    });
    let query: Vec<&str> = own
        .iter()
        .copied()
        .chain(passed)
        .chain(set.as_deref())
        .collect();
    url.set_query((!query.is_empty()).then(|| query.join("&")).as_deref());
    HeaderValue::from_str(url.as_str()).ok()
}

fn pairs(query: &str) -> impl Iterator<Item = &str> {
    query.split('&').filter(|pair| !pair.is_empty())
}

fn name(pair: &str) -> String {
    let first = form_urlencoded::parse(pair.as_bytes()).next();
    first.map(|(name, _)| name.into_owned()).unwrap_or_default()
}

const NOT_FOUND: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
    <meta name=\"viewport\" content=\"width=device-width\"><title>Unknown link</title>\
    <body style=\"font-family:system-ui;margin:4rem auto;max-width:32rem;padding:0 1rem\">\
    <h1>This link leads nowhere</h1><p>Check its spelling, or ask the person who gave it to you.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn location_table() {
        let cases = [
            ("https://a.example/", "", "https://a.example/?refp_id=clk_1"),
            (
                "https://a.example/p#top",
                "x=1",
                "https://a.example/p?x=1&refp_id=clk_1#top",
            ),
            (
                "https://a.example/?x=own&y=%7e",
                "x=theirs&z=3",
                "https://a.example/?x=own&y=%7e&z=3&refp_id=clk_1",
            ),
            (
                "https://a.example/?refp_id=old",
                "refp_id=forged&refp%5Fid=forged",
                "https://a.example/?refp_id=clk_1",
            ),
            (
                "https://a.example/",
                "&&utm_source=a+b&",
                "https://a.example/?utm_source=a+b&refp_id=clk_1",
            ),
        ];
        for (destination, inbound, want) in cases {
            assert_eq!(location(destination, inbound, Some("clk_1")).unwrap(), want);
        }
        assert_eq!(
            location("https://a.example/", "refp_id=forged&x=1", None).unwrap(),
            "https://a.example/?x=1"
        );
        assert_eq!(
            location("https://a.example/", "", None).unwrap(),
            "https://a.example/"
        );
        assert!(location("not a url", "", None).is_none());
    }

    #[test]
    fn address_hashes_need_the_salt() {
        let address: SocketAddr = "192.0.2.1:1234".parse().unwrap();
        let other_port: SocketAddr = "192.0.2.1:5678".parse().unwrap();
        assert_eq!(
            hash_address(b"salt", address),
            hash_address(b"salt", other_port)
        );
        assert_ne!(
            hash_address(b"salt", address),
            hash_address(b"pepper", address)
        );
    }
}
