//! The layer's own answers.

use http::{
    HeaderValue, Response, StatusCode,
    header::{CACHE_CONTROL, LOCATION},
};
use refport_core::capture::Captured;

/// What is answered in place of the service inside, if anything is.
pub(super) fn own<R: Default>(captured: &Captured) -> Option<Response<R>> {
    let status = StatusCode::from_u16(captured.status()?);
    let mut response = Response::new(R::default());
    *response.status_mut() = status.expect("the rules answer by known statuses");
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(location) = captured.redirect() {
        let location = HeaderValue::from_str(location);
        headers.insert(LOCATION, location.expect("it came in a request"));
    }
    captured.write(headers);
    Some(response)
}
