use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt;
use refport_core::destination::Destination;
use tokio::time::timeout;
use tracing::{Instrument, Span, field::Empty, info_span};

use super::verdict::{Attempt, Verdict, judge};
use crate::Event;

/// One attempt. It ends in time, whatever the destination does.
pub(super) async fn deliver(
    destination: Arc<dyn Destination>,
    event: Event,
    row: Row,
    time: Duration,
) -> (Row, Verdict) {
    let span = info_span!(
        "refport_outbox.delivery",
        destination = destination.name(),
        kind = event.kind(),
        id = row.id,
        attempt = row.attempts,
        outcome = Empty,
    );
    async {
        let call = async {
            match event {
                Event::Lead(lead) => destination.report_lead(lead).await,
                Event::Sale(sale) => destination.report_sale(sale).await,
            }
        };
        let attempt = match timeout(time, AssertUnwindSafe(call).catch_unwind()).await {
            Ok(Ok(answer)) => Attempt::Answered(answer),
            Ok(Err(_)) => Attempt::Panicked,
            Err(_) => Attempt::TimedOut,
        };
        let verdict = judge(attempt, row.counts_once);
        Span::current().record("outcome", verdict.name());
        (row, verdict)
    }
    .instrument(span)
    .await
}

/// What is known of a row while its event is on its way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) id: i64,
    pub(super) fence: i64,
    pub(super) attempts: i64,
    /// Whether a repeat of the event counts once.
    pub(super) counts_once: bool,
}

impl Verdict {
    /// As in traces.
    const fn name(&self) -> &'static str {
        match self {
            Self::Delivered(None) => "accepted",
            Self::Delivered(Some(note)) => note,
            Self::Refused(failure)
            | Self::Unclear(failure)
            | Self::RateLimited(failure, _)
            | Self::Unreachable(failure)
            | Self::Denied(failure)
            | Self::Failing(failure, _) => failure.reason,
        }
    }
}
