use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures_util::{FutureExt, future::CatchUnwind};
use pin_project_lite::pin_project;
use refport_core::destination::{Destination, Reporting};
use tokio::time::{Timeout, timeout};
use tracing::{Span, field::Empty, info_span};

use super::verdict::{Attempt, Verdict, judge};
use crate::{Event, store::Fence};

pin_project! {
    /// One attempt. It ends in time, whatever the destination does.
    ///
    /// A worker under load makes one for each event, so it is small and holds no event.
    pub(super) struct Delivery<'a> {
        row: Row,
        span: Span,
        // `None` where the destination panicked before it gave a call.
        #[pin]
        call: Option<Timeout<Call<'a>>>,
    }
}

type Call<'a> = CatchUnwind<AssertUnwindSafe<Reporting<'a>>>;

impl<'a> Delivery<'a> {
    pub(super) fn new(
        destination: &'a dyn Destination,
        event: Event,
        row: Row,
        time: Duration,
    ) -> Self {
        let span = info_span!(
            "refport_outbox.delivery",
            destination = destination.name(),
            kind = event.kind(),
            id = row.id,
            attempt = row.attempts,
            outcome = Empty,
        );
        let call = span.in_scope(|| {
            catch_unwind(AssertUnwindSafe(|| match event {
                Event::Lead(lead) => destination.report_lead(lead),
                Event::Sale(sale) => destination.report_sale(sale),
            }))
        });
        let call = call.ok();
        Self {
            row,
            span,
            call: call.map(|call| timeout(time, AssertUnwindSafe(call).catch_unwind())),
        }
    }

    pub(super) const fn row(&self) -> Row {
        self.row
    }
}

impl Future for Delivery<'_> {
    type Output = (Row, Verdict);

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let _entered = this.span.enter();
        let attempt = match this.call.as_pin_mut() {
            None => Attempt::Panicked,
            Some(call) => match ready!(call.poll(context)) {
                Ok(Ok(answer)) => Attempt::Answered(answer),
                Ok(Err(_)) => Attempt::Panicked,
                Err(_) => Attempt::TimedOut,
            },
        };
        let verdict = judge(attempt, this.row.counts_once);
        this.span.record("outcome", verdict.name());
        Poll::Ready((*this.row, verdict))
    }
}

/// What is known of a row while its event is on its way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) id: i64,
    pub(super) fence: Fence,
    pub(super) attempts: i64,
    /// Whether a repeat of the event counts once.
    pub(super) counts_once: bool,
    /// Whether it was tried before, by whichever worker.
    pub(super) tried: bool,
}

impl Verdict {
    /// As in traces.
    const fn name(&self) -> &'static str {
        match self {
            Self::Delivered(None) => "accepted",
            Self::Delivered(Some(note)) => note,
            Self::Invalid(failure)
            | Self::Refused(failure)
            | Self::RateLimited(failure, _)
            | Self::Unreachable(failure) => failure.reason,
            Self::Faulty(fault) => fault.failure.reason,
            Self::Unclear(_) => "unclear",
        }
    }
}
