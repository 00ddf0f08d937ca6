//! Traces and metrics. Names are part of the interface; nothing here tells of a person: an event is
//! named by its number in the table.

use crate::{EnqueueError, Enqueued, store::Failure};

/// Of what was written, whether its transaction is committed or not.
pub(crate) fn enqueued(kind: &'static str, outcome: &Result<Enqueued, EnqueueError>) {
    match outcome {
        Ok(Enqueued::New) => count("refport_outbox_enqueued_total", &[("kind", kind)], 1),
        Ok(Enqueued::Duplicate) => {
            count("refport_outbox_deduplicated_total", &[("kind", kind)], 1);
            tracing::debug!(kind, "event is in the outbox already");
        }
        Ok(Enqueued::NothingToReport(_)) | Err(_) => {}
    }
}

pub(crate) fn delivered(destination: &str, note: Option<&'static str>) {
    let labels = [
        ("destination", destination),
        ("outcome", note.unwrap_or("accepted")),
    ];
    count("refport_outbox_delivered_total", &labels, 1);
}

pub(crate) fn retried(destination: &str, id: i64, failure: &Failure, wait_ms: i64) {
    let Failure { reason, status, .. } = failure;
    let labels = [("destination", destination), ("reason", reason)];
    count("refport_outbox_retried_total", &labels, 1);
    tracing::info!(
        destination,
        id,
        reason,
        status,
        wait_ms,
        "event is tried again later"
    );
}

pub(crate) fn dead(destination: &str, id: i64, failure: &Failure) {
    let Failure {
        reason,
        status,
        code,
        ..
    } = failure;
    let labels = [("destination", destination), ("reason", reason)];
    count("refport_outbox_dead_total", &labels, 1);
    tracing::warn!(
        destination,
        id,
        reason,
        status,
        code,
        "event is a dead letter"
    );
}

pub(crate) fn lost_leases(destination: &str, leases: u64) {
    count(
        "refport_outbox_lost_leases_total",
        &[("destination", destination)],
        leases,
    );
    tracing::warn!(
        destination,
        leases,
        "leases were over before the outcome was marked, the events are delivered again"
    );
}

/// What waits, and for how long the oldest of it has.
#[cfg_attr(
    not(feature = "metrics"),
    expect(unused_variables, reason = "for metrics")
)]
pub(crate) fn waiting(destination: &str, events: u64, oldest: std::time::Duration) {
    #[cfg(feature = "metrics")]
    {
        let name = destination.to_owned();
        // Fewer than 2^52 events.
        #[expect(clippy::cast_precision_loss, reason = "a gauge")]
        metrics::gauge!("refport_outbox_waiting", "destination" => name.clone()).set(events as f64);
        metrics::gauge!("refport_outbox_oldest_seconds", "destination" => name)
            .set(oldest.as_secs_f64());
    }
}

/// Whether the destination is held back.
#[cfg_attr(
    not(feature = "metrics"),
    expect(unused_variables, reason = "for metrics")
)]
pub(crate) fn paused(destination: &str, paused: bool) {
    #[cfg(feature = "metrics")]
    metrics::gauge!("refport_outbox_paused", "destination" => destination.to_owned())
        .set(if paused { 1.0 } else { 0.0 });
}

#[cfg(feature = "metrics")]
fn count(name: &'static str, labels: &[(&'static str, &str)], by: u64) {
    let labels: Vec<_> = labels
        .iter()
        .map(|(name, value)| metrics::Label::new(*name, (*value).to_owned()))
        .collect();
    metrics::counter!(name, labels).increment(by);
}

#[cfg(not(feature = "metrics"))]
const fn count(_: &'static str, _: &[(&'static str, &str)], _: u64) {}
