use std::{error::Error, time::Duration};

use refport_core::Refport;
use refport_outbox::Outbox;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long reports that are on their way may take once the shop is to stop.
const GRACE: Duration = Duration::from_secs(2);
/// How long a report that is being delivered is left alone. No other process delivers what this one
/// keeps, so it matters after a crash only, and is the shortest that goes with the default for a
/// delivery.
const LEASE: Duration = Duration::from_secs(40);

/// What delivers the outbox's reports: a worker in this process, as long as the shop runs.
pub(crate) struct Delivery {
    task: JoinHandle<()>,
    stop: CancellationToken,
}

impl Delivery {
    pub(crate) fn start(outbox: &Outbox, refport: Refport) -> anyhow::Result<Self> {
        let worker = outbox.worker().deliver_to(refport);
        let mut worker = worker.lease(LEASE).stop_within(GRACE).build()?;
        let stop = CancellationToken::new();
        let told = stop.clone().cancelled_owned();
        let task = tokio::spawn(async move {
            match worker.run(told).await {
                // What is left is delivered after the next start.
                Ok(report) => tracing::info!(%report, "delivery stopped"),
                Err(error) => {
                    tracing::error!(error = &error as &dyn Error, "nothing is delivered");
                }
            }
        });
        Ok(Self { task, stop })
    }

    /// Waits for what is on its way, and says what is left.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        if let Err(error) = self.task.await {
            tracing::error!(error = &error as &dyn std::error::Error, "delivery failed");
        }
    }
}
