use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use refport_outbox::refport_core::{
    CookieName, Lead, Refport, Sale,
    destination::{Destination, Reporting},
};

use super::told_to_stop;
use crate::{args, database::Database, journal::Journal};

/// A worker as a shop runs it, whose times are shortened: a run should see many leases end.
pub(super) async fn run(args: args::Worker) -> anyhow::Result<()> {
    /// For one call, and a little more for the delivery around it.
    const CALL: Duration = Duration::from_millis(2800);
    const DELIVERY: Duration = Duration::from_secs(3);
    /// The shortest that the worker takes with such a delivery.
    const LEASE: Duration = Duration::from_secs(8);
    /// The service dies here more often in a minute than others do in a year.
    const ATTEMPTS: u32 = 10_000;

    let stop = told_to_stop()?;
    let database = Database::open(&args.database).await?;
    let refport = Refport::builder(args.api_key)
        .base_url(args.base_url)
        .attempt_timeout(CALL)
        .total_timeout(CALL)
        .max_attempts(1)
        .build()?;
    let noted = Noted {
        refport,
        journal: Journal::create(&args.journal)?,
        number: AtomicU64::default(),
    };
    let mut worker = database
        .outbox()
        .worker()
        .deliver_to(noted)
        .concurrency(16)
        .delivery_timeout(DELIVERY)
        .lease(LEASE)
        .poll(Duration::from_millis(100))
        .backoff(Duration::from_millis(100), Duration::from_secs(2))
        .max_attempts(ATTEMPTS)
        .stop_within(DELIVERY)
        .build()?;
    let report = worker.run(stop).await?;
    tracing::info!(%report, "worker stopped");
    Ok(())
}

/// The client, with a journal of its calls.
struct Noted {
    refport: Refport,
    journal: Journal,
    number: AtomicU64,
}

impl Destination for Noted {
    fn name(&self) -> &str {
        Destination::name(&self.refport)
    }

    fn cookie_name(&self) -> CookieName {
        self.refport.cookie_name()
    }

    fn needs_click(&self) -> bool {
        self.refport.needs_click()
    }

    fn counts_leads_once(&self) -> bool {
        self.refport.counts_leads_once()
    }

    fn report_lead(&self, lead: Lead) -> Reporting<'_> {
        self.noted(self.refport.report_lead(lead))
    }

    fn report_sale(&self, sale: Sale) -> Reporting<'_> {
        self.noted(self.refport.report_sale(sale))
    }
}

impl Noted {
    fn noted<'a>(&'a self, call: Reporting<'a>) -> Reporting<'a> {
        Box::pin(async move {
            let number = self.number.fetch_add(1, Ordering::Relaxed);
            // A journal that cannot be written is a disk that is full, and the run is over.
            let open = self.journal.begin(number).expect("the journal is written");
            let outcome = call.await;
            let how = if outcome.is_ok() {
                "accepted"
            } else {
                "failed"
            };
            open.end(how).expect("the journal is written");
            outcome
        })
    }
}
