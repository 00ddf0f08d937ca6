use std::convert::Infallible;

use axum_core::response::{IntoResponse, IntoResponseParts, Response, ResponseParts};
use http::{HeaderValue, header::SET_COOKIE};
use refport_core::{capture::Capture, track::Acknowledged};

/// Expires the click's cookie once a report is acknowledged, as a part of the handler's response.
///
/// Use it after the sale, or where you have kept the click with the customer. Not at sign-up as a
/// habit: checkout still needs the cookie. Nothing in this family ever does it by itself.
///
/// It acts when the service has taken the report or refused it for good, as [`Acknowledged`]
/// lists. Else it adds nothing to the response: after a network error, a 429 or a 5xx the browser
/// keeps the cookie, and the referral is not lost.
///
/// ```
/// # #[cfg(feature = "client")]
/// # mod shop {
/// use axum::{extract::State, http::StatusCode};
/// use refport_axum::{ClearClickId, ClickId, OrWarn, Sale, Track};
///
/// async fn checkout(
///     click_id: Option<ClickId>,
///     State(track): State<Track>,
/// ) -> (Option<ClearClickId>, StatusCode) {
///     let Some(click_id) = click_id else {
///         return (None, StatusCode::CREATED);
///     };
///     let sale = Sale::new(click_id, "user_001", 4900).currency("eur");
///     let reported = track.sale(sale).await;
///     let clear = ClearClickId::after(&reported); // also where it was refused for good
///     reported.or_warn();
///     (Some(clear), StatusCode::CREATED)
/// }
/// # fn is_a_handler() -> axum::routing::MethodRouter<Track> { axum::routing::post(checkout) }
/// # }
/// ```
///
/// The response's other cookies stay. Where a new click landed on this very request,
/// [`CaptureLayer`](crate::CaptureLayer) writes its cookie in place of this one: the browser keeps
/// the new click.
#[derive(Clone, Debug)]
#[must_use = "it does nothing unless it is part of the response"]
pub struct ClearClickId(Vec<HeaderValue>);

impl ClearClickId {
    /// Expires the cookie `refp_id` of this very host if `report` is acknowledged.
    pub fn after(report: &impl Acknowledged) -> Self {
        Self(if report.is_acknowledged() {
            expired(&Capture::new())
        } else {
            Vec::new()
        })
    }

    /// Expires the cookies that `rules` write: by their names, path and domain. Needed where those of
    /// your [`CaptureLayer`](crate::CaptureLayer) are not the default; make both from the same
    /// value.
    ///
    /// ```
    /// use refport_axum::{Capture, CaptureLayer, ClearClickId, NothingToReport};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let rules = Capture::new().domain("example.com")?;
    /// let layer = CaptureLayer::from(rules.clone());
    /// // … and in the handler, from your state
    /// # let reported = NothingToReport::NoLink;
    /// let clear = ClearClickId::after(&reported).rules(&rules);
    /// # Ok(())
    /// # }
    /// ```
    pub fn rules(self, rules: &Capture) -> Self {
        Self(if self.0.is_empty() {
            self.0
        } else {
            expired(rules)
        })
    }
}

fn expired(rules: &Capture) -> Vec<HeaderValue> {
    let cookies = rules.clear_cookies().into_iter().map(HeaderValue::try_from);
    cookies
        .collect::<Result<_, _>>()
        .expect("the rules write ASCII without control characters")
}

impl IntoResponseParts for ClearClickId {
    type Error = Infallible;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Infallible> {
        for cookie in self.0 {
            parts.headers_mut().append(SET_COOKIE, cookie);
        }
        Ok(parts)
    }
}

impl IntoResponse for ClearClickId {
    fn into_response(self) -> Response {
        (self, ()).into_response()
    }
}
