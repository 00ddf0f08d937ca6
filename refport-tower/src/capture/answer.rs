//! What capturing does to the answer.

use http::{
    HeaderMap, HeaderValue, Response, StatusCode,
    header::{CACHE_CONTROL, LOCATION, SET_COOKIE},
};
use refport_core::capture::{Captured, is_shared_cache_header, private_cache_control};

/// Writes each cookie once, and keeps the answer out of shared caches.
pub(crate) fn write(headers: &mut HeaderMap, captured: &Captured) {
    if captured.set_cookies().is_empty() {
        return;
    }
    let others = headers.get_all(SET_COOKIE);
    let is_ours = |cookie: &HeaderValue| captured.replaces(cookie.as_bytes());
    if others.iter().any(is_ours) {
        let kept: Vec<_> = others
            .iter()
            .filter(|other| !is_ours(other))
            .cloned()
            .collect();
        headers.remove(SET_COOKIE);
        for other in kept {
            headers.append(SET_COOKIE, other);
        }
    }
    for cookie in captured.set_cookies() {
        headers.append(SET_COOKIE, value(cookie));
    }
    if let Some(private) = private_cache_control(headers.get_all(CACHE_CONTROL)) {
        // What an answer says may have bytes that are no text; `private` alone is right, too.
        let private = HeaderValue::from_str(&private);
        headers.insert(
            CACHE_CONTROL,
            private.unwrap_or(HeaderValue::from_static("private")),
        );
    }
    let shared = headers
        .keys()
        .filter(|name| is_shared_cache_header(name.as_str()));
    for name in shared.cloned().collect::<Vec<_>>() {
        headers.remove(name);
    }
}

/// To the URL without the click.
pub(super) fn redirect<R: Default>(captured: &Captured) -> Response<R> {
    let mut response = Response::new(R::default());
    *response.status_mut() = StatusCode::FOUND;
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(location) = captured.redirect() {
        headers.insert(LOCATION, value(location));
    }
    write(headers, captured);
    response
}

fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("the rules write ASCII without control characters")
}
