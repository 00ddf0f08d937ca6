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
/// use refport_actix::{ClearClickId, ClickId, OrWarn, Sale, Track};
///
/// async fn checkout(click_id: Option<ClickId>, track: Track) -> HttpResponse {
///     let created = HttpResponse::Created().finish();
///     let Some(click_id) = click_id else {
///         return created;
///     };
///     let sale = Sale::new(click_id, "user_001", 4900).currency("eur");
///     let reported = track.sale(sale).await;
///     let clear = ClearClickId::after(&reported); // also where it was refused for good
///     reported.or_warn();
///     clear.on(created)
/// }
/// # fn is_a_handler() -> actix_web::Route { actix_web::web::post().to(checkout) }
/// # }
/// ```
///
/// The response's other cookies stay. Where a new click landed on this very request,
/// [`CaptureMiddleware`](crate::CaptureMiddleware) writes its cookie in place of this one: the browser keeps
/// the new click.
#[derive(Clone, Debug)]
#[must_use = "it does nothing until it is put on a response"]
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
    /// your [`CaptureMiddleware`](crate::CaptureMiddleware) are not the default; make both from
    /// the same value.
    ///
    /// ```
    /// use actix_web::HttpResponse;
    /// use refport_actix::{Capture, CaptureMiddleware, ClearClickId, NothingToReport};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let rules = Capture::new().domain("example.com")?;
    /// let middleware = CaptureMiddleware::from(rules.clone());
    /// // … and in the handler, from the application's data
    /// # let (created, reported) = (HttpResponse::Created().finish(), NothingToReport::NoLink);
    /// let response = ClearClickId::after(&reported).rules(&rules).on(created);
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

    /// Puts it on a response.
    #[must_use]
    pub fn on<B>(self, mut response: HttpResponse<B>) -> HttpResponse<B> {
        for cookie in self.0 {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
        response
    }
}

fn expired(rules: &Capture) -> Vec<HeaderValue> {
    let cookies = rules.clear_cookies().into_iter().map(HeaderValue::try_from);
    cookies
        .collect::<Result<_, _>>()
        .expect("the rules write ASCII without control characters")
}
