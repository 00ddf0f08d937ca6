use bytes::Bytes;
use http::Uri;
use serde::Serialize;

use crate::{InvalidRequest, track::NothingToReport};

/// One call to the service: what is sent again when it is repeated. Cloning costs two reference
/// counts.
#[derive(Clone, Debug)]
pub(super) struct Call {
    /// Its name in spans and metrics, as in `track.sale`.
    pub(super) name: &'static str,
    pub(super) url: Uri,
    pub(super) body: Bytes,
    pub(super) repeat: Repeat,
}

impl Call {
    /// Writes `body` as JSON: nothing of it is needed while the call is under way.
    pub(super) fn new(
        name: &'static str,
        url: &Uri,
        body: &impl Serialize,
        repeat: Repeat,
    ) -> Self {
        /// Enough for most, so that it is not moved while it grows.
        const USUAL: usize = 512;
        let mut json = Vec::with_capacity(USUAL);
        serde_json::to_writer(&mut json, body).expect("our requests have text keys only");
        Self {
            name,
            url: url.clone(),
            body: json.into(),
            repeat,
        }
    }
}

/// When a call may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    /// Whenever it may help: the service counts a repeat once.
    Always,
    /// Only where the service certainly did not take it: a repeat could count twice.
    IfUnseen,
}

/// Why a call is not made.
#[derive(Debug)]
pub(super) enum Unsent {
    /// The service certainly refuses it.
    Invalid(InvalidRequest),
    /// There is nothing to count.
    Nothing(NothingToReport),
}

impl Unsent {
    /// The same, of the sale with this invoice ID.
    pub(super) fn of_invoice(mut self, id: Option<&str>) -> Self {
        if let Self::Invalid(refused) = &mut self {
            refused.invoice = id.map(Box::from);
        }
        self
    }
}

impl From<InvalidRequest> for Unsent {
    fn from(refused: InvalidRequest) -> Self {
        Self::Invalid(refused)
    }
}
