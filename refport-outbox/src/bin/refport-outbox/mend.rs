use std::time::Duration;

use anyhow::bail;
use refport_outbox::{Outbox, State};
use serde_json::json;

use crate::print::Printer;

pub(crate) async fn migrate(outbox: &Outbox, printer: &Printer) -> anyhow::Result<()> {
    outbox.migrate().await?;
    printer.answer(&json!({ "migrated": true }), |_| {
        "the outbox's tables are up to date".into()
    })?;
    Ok(())
}

pub(crate) async fn resume(
    outbox: &Outbox,
    destination: &str,
    printer: &Printer,
) -> anyhow::Result<()> {
    let paused = outbox.paused().await?;
    let names: Vec<_> = paused
        .iter()
        .map(|pause| pause.destination.as_str())
        .collect();
    // Where its worker was restarted and delivers, what was refused before may wait still.
    let counts = outbox.counts().await?;
    let has_waiting = counts
        .iter()
        .any(|count| count.destination == destination && count.state == State::Waiting);
    if !names.contains(&destination) && !has_waiting {
        let names = if names.is_empty() {
            "nothing is".to_owned()
        } else {
            names.join(", ") + " is"
        };
        bail!("{destination} is not paused, {names}");
    }
    outbox.resume(destination).await?;
    printer.answer(&json!({ "resumed": destination }), |_| {
        format!("{destination} is tried again as soon as a worker looks")
    })?;
    Ok(())
}

pub(crate) async fn purge(
    outbox: &Outbox,
    older_than: Duration,
    printer: &Printer,
) -> anyhow::Result<()> {
    let purged = outbox.purge(older_than).await?;
    printer.answer(&json!({ "purged": purged }), |_| {
        format!("{purged} delivered events are deleted")
    })?;
    Ok(())
}
