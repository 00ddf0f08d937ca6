//! The embedded portal: a page in a frame that shows one partner their own link and numbers, and
//! speaks the frame protocol of the official browser SDK (`@refport/react`).

use askama::Template;
use axum::{
    extract::{Query, State, rejection::QueryRejection},
    http::{
        HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY},
    },
    response::{Html, IntoResponse, Response},
};
use refport_core::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{App, error::ApiError};
use crate::{
    domain::{id, money},
    store::portal::{Portal, PortalView},
};

/// What the official SDK puts into the frame's address; what else it may send is ignored.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Parameters {
    #[serde(default)]
    token: String,
    theme: Option<String>,
    /// A JSON object of CSS custom properties.
    css_vars: Option<String>,
}

#[derive(Template)]
#[template(path = "portal.html")]
struct PortalPage {
    nonce: String,
    theme: &'static str,
    css_vars: Vec<(String, String)>,
    content: Result<Dashboard, Failure>,
}

/// What the page shows, ready to read.
struct Dashboard {
    partner_name: String,
    links: Vec<String>,
    clicks: i64,
    leads: i64,
    sales: i64,
    /// Status and sum, a row for each currency.
    earnings: Vec<(String, String)>,
    recent: Vec<RecentRow>,
}

struct RecentRow {
    amount: String,
    status: String,
    made: String,
    payable: String,
}

/// Why there is nothing to show, for the reader and for the page around the frame.
struct Failure {
    code: &'static str,
    message: &'static str,
}

pub(super) async fn show(
    State(app): State<App>,
    parameters: Result<Query<Parameters>, QueryRejection>,
) -> Result<Response, ApiError> {
    // An address that makes no sense carries no token.
    let parameters = parameters
        .map(|Query(parameters)| parameters)
        .unwrap_or_default();
    let public_url = app.0.public_url.clone();
    let portal = app
        .0
        .store
        .portal(parameters.token, Timestamp::now(), public_url)
        .await?;
    let (status, content) = match portal {
        Portal::Open(view) => (StatusCode::OK, Ok(Dashboard::of(*view))),
        Portal::Expired => (StatusCode::UNAUTHORIZED, Err(EXPIRED)),
        Portal::Unknown => (StatusCode::UNAUTHORIZED, Err(UNKNOWN)),
    };
    let nonce = id::random_text(22);
    let page = PortalPage {
        theme: theme(parameters.theme.as_deref()),
        css_vars: css_vars(parameters.css_vars.as_deref()),
        content,
        nonce: nonce.clone(),
    };
    let html = page.render().map_err(|error| {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "portal not rendered"
        );
        ApiError::internal()
    })?;
    Ok((status, headers(&nonce), Html(html)).into_response())
}

const EXPIRED: Failure = Failure {
    code: "TOKEN_EXPIRED",
    message: "This page was open for too long. Load it again.",
};
const UNKNOWN: Failure = Failure {
    code: "INVALID_TOKEN",
    message: "This page was opened without a valid token. Load it again.",
};

/// Any site may show the frame, nothing else may be loaded by it, and the token in its address
/// goes nowhere.
fn headers(nonce: &str) -> [(axum::http::HeaderName, HeaderValue); 3] {
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; \
         base-uri 'none'; form-action 'none'; frame-ancestors *"
    );
    let policy = HeaderValue::try_from(policy).expect("the nonce is letters and digits");
    [
        (CONTENT_SECURITY_POLICY, policy),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ]
}

fn theme(wanted: Option<&str>) -> &'static str {
    match wanted {
        Some("light") => "light",
        Some("dark") => "dark",
        _ => "system",
    }
}

/// The custom properties that are safe to write into a style sheet: others are left out.
fn css_vars(json: Option<&str>) -> Vec<(String, String)> {
    let vars: Map<String, Value> = json
        .and_then(|json| serde_json::from_str(json).ok())
        .unwrap_or_default();
    let is_name = |name: &str| {
        name.starts_with("--")
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    let is_value = |value: &str| {
        let safe = |b: u8| b.is_ascii_alphanumeric() || b" #%.,()-+_/".contains(&b);
        value.bytes().all(safe)
            && !value.contains("/*")
            && !value.to_ascii_lowercase().contains("url")
    };
    vars.into_iter()
        .filter_map(|(name, value)| Some((name, value.as_str()?.to_owned())))
        .filter(|(name, value)| is_name(name) && is_value(value))
        .collect()
}

impl Dashboard {
    fn of(view: PortalView) -> Self {
        let earnings = view.earnings.iter().flat_map(|(currency, by_status)| {
            by_status
                .iter()
                .map(move |(status, sum)| (status.clone(), money::format(*sum, currency)))
        });
        let recent = view.recent.iter().map(|commission| RecentRow {
            amount: money::format(commission.amount, &commission.currency),
            status: commission.status.clone(),
            made: day(commission.created_at.0),
            payable: day(commission.payable_at.0),
        });
        Self {
            earnings: earnings.collect(),
            recent: recent.collect(),
            partner_name: view.partner_name,
            links: view.links.into_iter().map(|link| link.url).collect(),
            clicks: view.clicks,
            leads: view.leads,
            sales: view.sales,
        }
    }
}

/// `2026-11-21`, in UTC.
fn day(instant: Timestamp) -> String {
    instant.to_string().chars().take(10).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_safe_custom_properties_pass() {
        let vars = css_vars(Some(
            r##"{"--accent":"#ff0000","--radius":"calc(4px + 1%)","color":"red","--a":"red;}body{x","--b":"url(//x)",
                "--c":7,"--d{":"red","--e":"a/*"}"##,
        ));
        let names: Vec<&str> = vars.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["--accent", "--radius"]);
        assert!(css_vars(Some("not json")).is_empty());
        assert!(css_vars(None).is_empty());
    }
}
