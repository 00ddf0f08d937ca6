//! What a call leaves in traces, metrics, and the hook for errors: never anything about a person.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use http::StatusCode;
use tracing::{Instrument, Span, field::Empty, info_span};

use crate::error::{Error, ErrorKind};

/// Called with each call's error, after the last attempt.
pub(super) type ErrorHook = Arc<dyn Fn(&Error) + Send + Sync>;

/// One call that is watched.
pub(super) struct Observed {
    span: Span,
    #[cfg(feature = "metrics")]
    call: &'static str,
    #[cfg(feature = "metrics")]
    start: std::time::Instant,
}

impl Observed {
    pub(super) fn new(call: &'static str) -> Self {
        Self {
            span: info_span!(
                "refport",
                call,
                attempts = Empty,
                status = Empty,
                outcome = Empty,
                request_id = Empty
            ),
            #[cfg(feature = "metrics")]
            call,
            #[cfg(feature = "metrics")]
            start: std::time::Instant::now(),
        }
    }

    pub(super) fn span<F: Future>(&self, call: F) -> impl Future<Output = F::Output> {
        call.instrument(self.span.clone())
    }

    pub(super) fn end(
        &self,
        attempts: &AtomicU32,
        status: Option<StatusCode>,
        error: Option<&Error>,
        hook: Option<&ErrorHook>,
    ) {
        let attempts = attempts.load(Ordering::Relaxed);
        let outcome = error.map_or("accepted", outcome_of);
        self.span.record("attempts", attempts);
        self.span.record("outcome", outcome);
        if let Some(status) = status {
            self.span.record("status", status.as_u16());
        }
        if let Some(id) = error
            .and_then(Error::as_api)
            .and_then(|error| error.request_id())
        {
            self.span.record("request_id", id);
        }
        #[cfg(feature = "metrics")]
        self.measure(attempts, outcome);
        if let (Some(error), Some(hook)) = (error, hook) {
            self.span.in_scope(|| hook(error));
        }
    }

    #[cfg(feature = "metrics")]
    fn measure(&self, attempts: u32, outcome: &'static str) {
        metrics::counter!("refport_calls_total", "call" => self.call, "outcome" => outcome)
            .increment(1);
        metrics::counter!("refport_attempts_total", "call" => self.call).increment(attempts.into());
        let seconds = self.start.elapsed().as_secs_f64();
        metrics::histogram!("refport_call_seconds", "call" => self.call, "outcome" => outcome)
            .record(seconds);
    }
}

/// A stable name for each way a call can end.
fn outcome_of(error: &Error) -> &'static str {
    match error {
        Error::Invalid(_) => "invalid",
        Error::Decode(_) => "unreadable",
        Error::Transport(error) if error.is_timeout() => "timeout",
        Error::Transport(_) => "unreachable",
        Error::Queue(_) => "queue",
        Error::NotSetUp(_) => "not_set_up",
        Error::Api(error) => match error.kind() {
            ErrorKind::Auth => "auth",
            ErrorKind::Validation => "validation",
            ErrorKind::NotFound => "not_found",
            ErrorKind::RateLimit => "rate_limit",
            ErrorKind::Server => "server_error",
            ErrorKind::Other => "other",
        },
    }
}
