use std::{
    convert::Infallible,
    future::{Ready, ready},
    ops::Deref,
    sync::Once,
};

use actix_web::{FromRequest, HttpRequest, dev::Payload, web};
use refport_core::{Refport, track::Reporter};

/// Reports leads and sales: the [`refport_core::Track`] of that name, as an extractor.
///
/// It is taken from the application's data: a `web::Data<Track>`, with a client or an outbox in it, or a
/// `web::Data<Refport>`; or from a plain `Track` or `Refport` there.
///
/// The extractor never fails, so that no order is refused for want of tracking: where neither is there, each
/// call answers [`Error::NotSetUp`](refport_core::Error), and the log says once which line to add.
#[derive(Clone, Debug)]
pub struct Track(pub refport_core::Track);

impl Deref for Track {
    type Target = refport_core::Track;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<R: Reporter> From<R> for Track {
    fn from(reporter: R) -> Self {
        Self(reporter.into())
    }
}

/// What to do where nobody was found. It may well be made already, and stand where this does not look.
const ADD: &str = "add `.app_data(web::Data::new(Track::from(…)))` to the `App`, with a client or an outbox \
    in it";

impl FromRequest for Track {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        static SAID: Once = Once::new();
        ready(Ok(find(request).unwrap_or_else(|| {
            SAID.call_once(|| tracing::error!("tracking is not set up: {ADD}"));
            Self(refport_core::Track::not_set_up(ADD))
        })))
    }
}

fn find(request: &HttpRequest) -> Option<Track> {
    let track = app_data::<Track>(request).cloned();
    track.or_else(|| Some(app_data::<Refport>(request)?.clone().into()))
}

/// As `web::Data`, or plain.
fn app_data<T: 'static>(request: &HttpRequest) -> Option<&T> {
    let shared = request.app_data::<web::Data<T>>();
    shared
        .map(web::Data::get_ref)
        .or_else(|| request.app_data::<T>())
}
