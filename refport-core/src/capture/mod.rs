//! The rules by which a click is captured: what the landing URL and the cookies say, and what
//! cookies are to be written.
//!
//! Plain functions over a request's parts. `refport-tower`'s `CaptureLayer` and `refport-actix`'s
//! `CaptureMiddleware` both call them; a framework of your own can do the same:
//!
//! ```
//! use http::{HeaderMap, HeaderValue, header::COOKIE};
//! use refport_core::capture::{Capture, Landing};
//!
//! let capture = Capture::new();
//! let mut headers = HeaderMap::new();
//! headers.insert(COOKIE, HeaderValue::from_static("theme=dark"));
//! let landing = Landing::new("GET", "/pricing", Some("refp_id=clk_1&plan=pro"), &headers);
//! let captured = capture.decide(&landing).expect("the URL carries a click");
//!
//! assert_eq!(captured.click_id().unwrap().as_str(), "clk_1");
//! assert_eq!(
//!     captured.set_cookies(),
//!     ["refp_id=clk_1; SameSite=Lax; Secure; Path=/; Max-Age=7776000"]
//! );
//! ```

mod agree;
mod answer;
mod captured;
mod clean_url;
mod decide;
mod domain;
mod error;
mod host;
mod landing;
mod prefix;
mod rules;
mod set_cookie;
mod shared_cache;
#[cfg(test)]
mod tests;
mod twins;
mod url_id;
mod withheld;

pub use self::{
    answer::AnswerHeaders,
    captured::Captured,
    error::CaptureError,
    landing::{Landing, RequestHeaders, is_speculative},
    rules::Capture,
    set_cookie::SameSite,
    shared_cache::{is_shared_cache_header, private_cache_control},
    withheld::{GlobalPrivacyControl, Withheld},
};
