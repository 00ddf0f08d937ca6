use actix_web::{
    HttpResponse,
    http::header::{HeaderValue, SET_COOKIE},
};
use refport_core::{capture::Capture, track::Acknowledged};

/// Expires the click's cookie once a report is acknowledged, on the handler's response.
///
/// Use it after the sale, or where you have kept the click with the customer. Not at sign-up as a
/// habit: checkout still needs the cookie. Nothing in this family ever does it by itself.
///
/// It acts when the service has taken the report or refused it for good, as [`Acknowledged`]
/// lists. Else it leaves the response as it is: after a network error, a 429 or a 5xx the browser
/// keeps the cookie, and the referral is not lost.
///
/// ```
/// # #[cfg(feature = "client")]
/// # mod shop {
/// use actix_web::HttpResponse;
/// use refport_actix::{ClearClickId, ClickId, Sale, Track};
///
/// async fn checkout(click_id: Option<ClickId>, track: Track) -> HttpResponse {
///     let created = HttpResponse::Created().finish();
///     let Some(click_id) = click_id else {
///         return created;
///     };
///     let reported = track.sale(Sale::new(click_id, "user_001", 4900)).await;
///     if let Err(error) = &reported {
///         tracing::warn!(%error, "sale not reported");
///     }
///     ClearClickId::after(&reported).on(created)
/// }
/// # fn is_a_handler() -> actix_web::Route { actix_web::web::post().to(checkout) }
/// # }
/// ```
///
/// The response's other cookies stay. Where a new click landed on this very request, the
/// [`CaptureMiddleware`](crate::CaptureMiddleware) adds its cookie after this one, and the last
/// one counts: the browser keeps the new click.
#[derive(Clone, Debug)]
#[must_use = "it does nothing until it is put on a response"]
pub struct ClearClickId(Option<HeaderValue>);

impl ClearClickId {
    /// Expires the cookie `refp_id` of this very host if `report` is acknowledged.
    pub fn after(report: &impl Acknowledged) -> Self {
        Self(report.is_acknowledged().then(|| expired(&Capture::new())))
    }

    /// Expires the cookie that `rules` write: its name, path and domain. Needed where those of
    /// your [`CaptureMiddleware`](crate::CaptureMiddleware) are not the default; make both from
    /// the same value.
    ///
    /// ```
    /// use actix_web::HttpResponse;
    /// use refport_actix::{Capture, CaptureMiddleware, ClearClickId, NothingToReport};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let rules = Capture::new().domain("example.com")?.secure(true);
    /// let middleware = CaptureMiddleware::from(rules.clone());
    /// // … and in the handler, from the application's data
    /// # let (created, reported) = (HttpResponse::Created().finish(), NothingToReport::NoLink);
    /// let response = ClearClickId::after(&reported).rules(&rules).on(created);
    /// # Ok(())
    /// # }
    /// ```
    pub fn rules(self, rules: &Capture) -> Self {
        Self(self.0.map(|_| expired(rules)))
    }

    /// Puts it on a response.
    #[must_use]
    pub fn on<B>(self, mut response: HttpResponse<B>) -> HttpResponse<B> {
        if let Some(cookie) = self.0 {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
        response
    }
}

fn expired(rules: &Capture) -> HeaderValue {
    HeaderValue::from_str(&rules.clear_cookie())
        .expect("the rules write ASCII without control characters")
}
