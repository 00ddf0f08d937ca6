//! What capturing does to the answer.

use actix_web::{
    HttpResponse,
    http::header::{CACHE_CONTROL, HeaderMap, HeaderValue, LOCATION, SET_COOKIE},
};
use refport_core::capture::{Captured, is_shared_cache_header, private_cache_control};

/// Writes each cookie once, and keeps the answer out of shared caches.
pub(super) fn write(headers: &mut HeaderMap, captured: &Captured) {
    if captured.set_cookies().is_empty() {
        return;
    }
    let is_ours = |cookie: &HeaderValue| captured.replaces(cookie.as_bytes());
    if headers.get_all(SET_COOKIE).any(is_ours) {
        let others = headers.remove(SET_COOKIE);
        for other in others.filter(|other| !is_ours(other)) {
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
pub(super) fn redirect(captured: &Captured) -> HttpResponse {
    let mut response = HttpResponse::Found();
    response.insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")));
    if let Some(location) = captured.redirect() {
        response.insert_header((LOCATION, value(location)));
    }
    let mut response = response.finish();
    write(response.headers_mut(), captured);
    response
}

fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("the rules write ASCII without control characters")
}
