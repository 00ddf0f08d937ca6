use reqwest::Method;

use super::{Answer, Transcript};
use crate::Visitor;

/// Everything a visitor can do on a site, from the landing to signing out: what was answered.
///
/// # Errors
///
/// When there is no answer.
pub async fn visit(visitor: &Visitor, landing: &str) -> anyhow::Result<Transcript> {
    let mut transcript = Vec::new();
    for step in steps(landing) {
        let mut request = visitor.request(step.method, step.path)?;
        for (name, value) in step.headers {
            request = request.header(*name, *value);
        }
        let answered = visitor.send(request.body(step.body)).await?;
        transcript.push(Answer::read(step.name, answered).await?);
    }
    Ok(transcript)
}

struct Step<'a> {
    name: &'static str,
    method: Method,
    path: &'a str,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
}

const PAGE: &[(&str, &str)] = &[("accept", "text/html"), ("accept-encoding", "gzip")];
const FORM: &[(&str, &str)] = &[("content-type", "application/x-www-form-urlencoded")];
const JSON: &[(&str, &str)] = &[("content-type", "application/json")];
const ELSEWHERE: &[(&str, &str)] = &[("origin", "https://elsewhere.example")];
const PREFLIGHT: &[(&str, &str)] = &[
    ("origin", "https://elsewhere.example"),
    ("access-control-request-method", "GET"),
];

fn steps(landing: &str) -> [Step<'_>; 14] {
    let get = |name, path, headers| step(name, Method::GET, path, headers, "");
    let post = |name, path, headers, body| step(name, Method::POST, path, headers, body);
    [
        get("land", landing, PAGE),
        get("account of nobody", "/account", PAGE),
        post("buy as nobody", "/account/orders", JSON, NOTEBOOK),
        post("wrong password", "/login", FORM, "user=carla&password=ink"),
        post("sign in", "/login", FORM, "user=carla&password=paper"),
        get("account", "/account", PAGE),
        get("products from elsewhere", "/api/products", ELSEWHERE),
        step("preflight", Method::OPTIONS, "/api/products", PREFLIGHT, ""),
        post("buy what is not sold", "/account/orders", JSON, UNKNOWN),
        post(
            "buy by no JSON",
            "/account/orders",
            FORM,
            "product=notebook",
        ),
        post("buy", "/account/orders", JSON, NOTEBOOK),
        get("orders", "/account/orders", PAGE),
        post("sign out", "/logout", FORM, ""),
        get("account, signed out", "/account", PAGE),
    ]
}

const NOTEBOOK: &str = r#"{"product":"notebook"}"#;
const UNKNOWN: &str = r#"{"product":"typewriter"}"#;

const fn step<'a>(
    name: &'static str,
    method: Method,
    path: &'a str,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
) -> Step<'a> {
    Step {
        name,
        method,
        path,
        headers,
        body,
    }
}
