use bytes::Bytes;
use http::Uri;

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

/// When a call may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    /// Whenever it may help: the service counts a repeat once.
    Always,
    /// Only where the service certainly did not take it: a repeat could count twice.
    IfUnseen,
}
