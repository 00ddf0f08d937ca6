use refport_outbox::{Count, Outbox, PausedDestination, refport_core::Timestamp};
use serde::Serialize;

use crate::{
    print::{Printer, table},
    span,
};

/// How the outbox is.
#[derive(Serialize)]
struct Status {
    counts: Vec<Aged>,
    paused: Vec<PausedDestination>,
}

#[derive(Serialize)]
struct Aged {
    #[serde(flatten)]
    count: Count,
    /// How old the oldest is.
    oldest_seconds: Option<u64>,
}

pub(crate) async fn status(outbox: &Outbox, printer: &Printer) -> anyhow::Result<()> {
    let (counts, paused) = (outbox.counts().await?, outbox.paused().await?);
    let now = Timestamp::now();
    let counts = counts
        .into_iter()
        .map(|count| Aged {
            oldest_seconds: count.age(now).map(|age| age.as_secs()),
            count,
        })
        .collect();
    printer.answer(&Status { counts, paused }, |status| text(status, now))?;
    Ok(())
}

fn text(status: &Status, now: Timestamp) -> String {
    let rows = status.counts.iter().map(|Aged { count, .. }| {
        [
            count.destination.as_str().into(),
            count.state.as_str().into(),
            count.events.into(),
            count.age(now).map(span::show).into(),
        ]
    });
    let counts = if status.counts.is_empty() {
        "the outbox is empty".to_owned()
    } else {
        table::<4>(["destination", "state", "events", "oldest"], rows)
    };
    let paused = status.paused.iter().map(|pause| told(pause, now));
    [counts]
        .into_iter()
        .chain(paused)
        .collect::<Vec<_>>()
        .join("\n\n")
}

/// A pause in words: since when, why, and what ends it.
fn told(pause: &PausedDestination, now: Timestamp) -> String {
    let PausedDestination {
        destination,
        reason,
        ..
    } = pause;
    let since = span::show(span::between(pause.since, now));
    let status = pause.status.map(|status| status.to_string());
    let code = [status.as_deref(), pause.code.as_deref()];
    let code: Vec<_> = code.into_iter().flatten().collect();
    let code = if code.is_empty() {
        String::new()
    } else {
        format!(" ({})", code.join(" "))
    };
    let message = pause.message.as_deref().unwrap_or_default();
    let message = if message.is_empty() {
        String::new()
    } else {
        format!("\n  {message}")
    };
    let again = if pause.until > now {
        format!("in {}", span::show(span::between(now, pause.until)))
    } else {
        "when a worker looks".to_owned()
    };
    format!(
        "{destination} is paused for {since}: {reason}{code}{message}\n  \
         next try {again}; at once with `refport-outbox resume {destination}`"
    )
}
