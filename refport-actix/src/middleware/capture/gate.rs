//! Who is asked for consent.

use std::{fmt, pin::Pin, sync::Arc};

use actix_web::dev::ServiceRequest;
use refport_core::consent::Consent;

/// What a gate says that takes its time.
pub(super) type Answer = Pin<Box<dyn Future<Output = Consent>>>;

/// Who says whether a click may be stored.
#[derive(Clone, Default)]
pub(super) enum Gate {
    #[default]
    Nobody,
    Ask(Arc<dyn Fn(&ServiceRequest) -> Consent + Send + Sync>),
    Later(Arc<dyn Fn(&ServiceRequest) -> Answer + Send + Sync>),
    Extensions,
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nobody => "Nobody",
            Self::Ask(_) => "Ask",
            Self::Later(_) => "Later",
            Self::Extensions => "Extensions",
        })
    }
}
