//! The short link: a click is recorded, and the visitor goes on with its ID.

use std::{net::SocketAddr, time::Duration};

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
use tokio::time::timeout;
use url::Url;

use super::App;
use crate::{
    error::ApiError,
    id,
    store::{
        event::{Click, Event},
        read::Link,
    },
};

/// The parameter by which the click ID reaches the merchant's site (Refport browser SDK).
const PARAM: &str = "refp_id";
/// How long a visitor waits for the database; then they go on with a click that is still queued.
const PATIENCE: Duration = Duration::from_secs(1);
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
        Ok(Path(key)) => app.0.store.find_link(key).await?,
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
    let click_id = if method == Method::HEAD || is_bot(&headers) {
        None
    } else {
        let address = address.map(|Extension(ConnectInfo(address))| address);
        app.record_click(&link, &headers, address).await
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
    /// The click's ID, or `None` where it could not be written: the visitor goes on all the same.
    async fn record_click(
        &self,
        link: &Link,
        headers: &HeaderMap,
        address: Option<SocketAddr>,
    ) -> Option<String> {
        let click = Click {
            id: id::new_click(),
            workspace_id: link.workspace_id.clone(),
            link_id: link.id.clone(),
            address_hash: address.map(|address| hash_address(&link.address_salt, address)),
            user_agent: text(headers, USER_AGENT),
            referrer: text(headers, REFERER),
            at: Timestamp::now(),
        };
        let click_id = click.id.clone();
        let store = self.0.store.clone();
        let writing = tokio::spawn(async move { store.write_one(Event::Click(click)).await });
        match timeout(PATIENCE, writing).await {
            Ok(Ok(Ok(_))) => Some(click_id),
            Ok(Ok(Err(error))) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "click not recorded"
                );
                None
            }
            Ok(Err(error)) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "click not recorded"
                );
                None
            }
            // The write is queued and goes on.
            Err(_) => Some(click_id),
        }
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

/// Crawlers and the programs that fetch a link to preview it, where they say so. Scripts, people
/// at a terminal and visitors without a `User-Agent` are none: a click by itself pays nobody, and
/// a click that is not recorded costs a partner the sale.
fn is_bot(headers: &HeaderMap) -> bool {
    let agent = text(headers, USER_AGENT)
        .unwrap_or_default()
        .to_ascii_lowercase();
    // The engine's name keeps `iscrawl` from taking all but the great browsers for crawlers, and
    // Cubot makes phones.
    agent.starts_with("whatsapp/")
        || iscrawl::is_crawler(&format!("gecko {}", agent.replace("cubot", "")))
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
    fn bots_are_known_and_people_are_not_taken_for_them() {
        let is_bot = |agent: &'static str| {
            let headers = HeaderMap::from_iter([(USER_AGENT, HeaderValue::from_static(agent))]);
            super::is_bot(&headers)
        };
        for bot in [
            "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
            "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
            "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
            "Twitterbot/1.0",
            "WhatsApp/2.23.20.0 A",
            "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2)",
        ] {
            assert!(is_bot(bot), "{bot}");
        }
        for person in [
            "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Mobile/15E148 Safari/604.1",
            "Mozilla/5.0 (Linux; U; Android 9; CUBOT X19) AppleWebKit/537.36 Chrome/98 Mobile Safari/537.36",
            "Mozilla/5.0",
            "curl/8.5.0",
            "python-requests/2.31",
            "",
        ] {
            assert!(!is_bot(person), "{person}");
        }
        assert!(!super::is_bot(&HeaderMap::new()));
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
