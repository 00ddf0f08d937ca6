//! What a call leaves in traces, metrics, and the hook for errors: never anything about a person.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use bytes::Bytes;
use http::StatusCode;
use tracing::{Instrument, Span, field::Empty, info_span};

use super::place::Caller;
use crate::error::{Error, ErrorKind, TransportError};

/// Called with each call's error, after the last attempt.
pub(super) type ErrorHook = Arc<dyn Fn(&Error) + Send + Sync>;

/// One call that is watched. It is told of in each case, also where nobody waits for it any more.
pub(super) struct Observed {
    span: Span,
    /// How often the call was sent.
    pub(super) attempts: AtomicU32,
    hook: Option<ErrorHook>,
    is_told: bool,
    call: &'static str,
    log: Log,
    #[cfg(feature = "metrics")]
    start: std::time::Instant,
}

/// What the log says of a call that has failed.
pub(super) enum Log {
    /// Nothing: a background and a worker say themselves what becomes of a report.
    Nothing,
    /// That it did: the caller has the error.
    Failure,
    /// Which report it was, as it is sent, so that it can be made again by hand; loudly where the caller is gone,
    /// as nobody else has the error.
    Loss(Bytes, Caller),
}

impl Observed {
    pub(super) fn new(call: &'static str, log: Log, hook: Option<ErrorHook>) -> Self {
        Self {
            span: info_span!(
                "refport",
                call,
                attempts = Empty,
                status = Empty,
                outcome = Empty,
                request_id = Empty
            ),
            attempts: AtomicU32::new(0),
            hook,
            is_told: false,
            call,
            log,
            #[cfg(feature = "metrics")]
            start: std::time::Instant::now(),
        }
    }

    pub(super) fn span<F: Future>(&self, call: F) -> impl Future<Output = F::Output> + use<F> {
        call.instrument(self.span.clone())
    }

    /// Tells how the call ended.
    pub(super) fn end(mut self, status: Option<StatusCode>, error: Option<&Error>) {
        self.tell(status, error, error.map_or("accepted", outcome_of));
    }

    /// The caller's own ID of the sale.
    pub(super) fn invoice(&self) -> Option<String> {
        match &self.log {
            Log::Loss(report, _) => invoice_of(self.call, report),
            Log::Nothing | Log::Failure => None,
        }
    }

    fn log(&self, error: &Error) {
        let _in_span = self.span.enter();
        let error = error as &dyn std::error::Error;
        match &self.log {
            Log::Nothing => {}
            Log::Failure => tracing::info!(error, "not taken"),
            Log::Loss(_, caller) if caller.is_gone() => {
                tracing::warn!(
                    error,
                    invoice = self.invoice(),
                    "not taken, and nobody waits for it"
                );
            }
            Log::Loss(..) => tracing::info!(error, invoice = self.invoice(), "not taken"),
        }
    }

    fn tell(&mut self, status: Option<StatusCode>, error: Option<&Error>, outcome: &'static str) {
        self.is_told = true;
        if let Some(error) = error {
            self.log(error);
        }
        let attempts = self.attempts.load(Ordering::Relaxed);
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
        if let (Some(error), Some(hook)) = (error, &self.hook) {
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

impl Drop for Observed {
    /// A call that did not come to its end: its runtime ended, or something in it panicked.
    fn drop(&mut self) {
        if !self.is_told {
            let error = TransportError::broken("the call was cut off before its end");
            self.tell(None, Some(&Error::Transport(error)), "cut_off");
        }
    }
}

/// Your own ID of the sale, by Refport's name or by Partli's. A lead's may tell of the customer.
fn invoice_of(call: &str, report: &[u8]) -> Option<String> {
    if !call.ends_with("track.sale") {
        return None;
    }
    let report: serde_json::Value = serde_json::from_slice(report).ok()?;
    let id = report
        .get("invoiceId")
        .or_else(|| report.get("externalId"))?;
    id.as_str().map(str::to_owned)
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
        Error::Blocking => "blocking",
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
