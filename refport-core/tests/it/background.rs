//! Reports in the background, and the flush at the end.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use refport_core::{
    Error, Lead, QueueError, Sale, Track, TransportError,
    destination::{Reported, Reporting},
    track::{Background, NothingToReport, Outcome, Reporter, Unreported},
};
use tokio::sync::Semaphore;

use crate::scripted::{Scripted, accepted, answer, click, sale_once};

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(60);

/// A service that answers each sale when it is let to.
#[derive(Clone)]
struct Gate {
    open: Arc<Semaphore>,
    begun: Arc<Semaphore>,
    taken: Arc<Mutex<Vec<String>>>,
}

impl Gate {
    fn new() -> Self {
        Self {
            open: Arc::new(Semaphore::new(0)),
            begun: Arc::new(Semaphore::new(0)),
            taken: Arc::default(),
        }
    }

    fn taken(&self) -> Vec<String> {
        self.taken.lock().unwrap().clone()
    }

    /// Waits until so many were begun.
    async fn begun(&self, reports: u32) {
        self.begun.acquire_many(reports).await.unwrap().forget();
    }
}

impl Reporter for Gate {
    fn lead(&self, _: Lead) -> Reporting<'_> {
        Box::pin(async {
            Err(Error::Queue(QueueError::refused(
                "leads are not taken here",
            )))
        })
    }

    fn sale(&self, sale: Sale) -> Reporting<'_> {
        self.begun.add_permits(1);
        Box::pin(async move {
            self.open.acquire().await.unwrap().forget();
            match sale.get_customer_external_id() {
                "panics" => panic!("a bug"),
                "fails" => Err(Error::Transport(TransportError::timeout())),
                _ => {
                    let invoice = sale.get_invoice_id().unwrap().to_owned();
                    self.taken.lock().unwrap().push(invoice);
                    Ok(Outcome::Accepted(Reported::default()))
                }
            }
        })
    }
}

fn sale(invoice: &str) -> Sale {
    Sale::new(click(), "user_001", 4900).invoice_id(invoice)
}

#[tokio::test]
async fn a_report_is_taken_at_once_and_sent_while_nobody_waits() {
    let gate = Gate::new();
    let background = Background::new(gate.clone());
    let track = Track::from(background.clone());
    assert_eq!(track.sale(sale("inv_1")).await.unwrap(), Outcome::Queued);
    gate.begun(1).await;
    assert_eq!(gate.taken(), [""; 0]);
    gate.open.add_permits(1);
    assert_eq!(background.flush(LONG).await, []);
    assert_eq!(gate.taken(), ["inv_1"]);
}

#[tokio::test]
async fn a_free_order_is_nothing_to_report_here_too() {
    let track = Track::from(Background::new(Gate::new()));
    let free = track.sale(Sale::new(click(), "user_001", 0)).await.unwrap();
    assert_eq!(free, Outcome::NothingToReport(NothingToReport::ZeroAmount));
}

#[tokio::test]
async fn so_many_are_on_their_way_and_so_many_wait_and_no_more() {
    let gate = Gate::new();
    let background = Background::new(gate.clone()).capacity(3).concurrency(2);
    let track = Track::from(background.clone());
    for invoice in ["inv_1", "inv_2", "inv_3"] {
        track.sale(sale(invoice)).await.unwrap();
    }
    let full = track.sale(sale("inv_4")).await.unwrap_err();
    assert!(
        full.is_retryable() && full.to_string().contains("3 reports are waiting"),
        "{full}"
    );
    gate.begun(2).await;
    assert!(gate.begun.try_acquire().is_err(), "the third waits");
    gate.open.add_permits(1);
    gate.begun(1).await;
    // There is room again once one has ended.
    gate.open.add_permits(2);
    assert_eq!(background.flush(LONG).await, []);
    assert_eq!(gate.taken().len(), 3);
}

#[tokio::test]
async fn a_flush_says_what_was_lost() {
    let gate = Gate::new();
    let background = Background::new(gate.clone()).concurrency(3);
    let track = Track::from(background.clone());
    let fails = Sale::new(click(), "fails", 4900).invoice_id("inv_fails");
    let panics = Sale::new(click(), "panics", 4900).invoice_id("inv_panics");
    for sale in [sale("inv_1"), fails.clone(), panics.clone()] {
        track.sale(sale).await.unwrap();
    }
    let flushing = tokio::spawn({
        let background = background.clone();
        async move { background.flush(LONG).await }
    });
    gate.begun(3).await;
    // Nothing is taken once a flush was begun, and an error says so.
    let closed = loop {
        match track.sale(sale("inv_2")).await {
            Ok(_) => tokio::task::yield_now().await,
            Err(error) => break error,
        }
    };
    assert!(!closed.is_retryable(), "{closed}");
    gate.open.add_permits(1000);
    let lost = flushing.await.unwrap();
    assert_eq!(lost, [Unreported::Sale(fails), Unreported::Sale(panics)]);
    assert_eq!(background.flush(LONG).await, [], "said once");
}

#[tokio::test]
async fn a_flush_ends_in_time_and_says_what_is_left() {
    let gate = Gate::new();
    let background = Background::new(gate.clone()).concurrency(1);
    let track = Track::from(background.clone());
    track.sale(sale("inv_1")).await.unwrap();
    track.sale(sale("inv_2")).await.unwrap();
    let lost = background.flush(Duration::from_millis(10)).await;
    let left = [sale("inv_1"), sale("inv_2")].map(Unreported::Sale);
    assert_eq!(lost, left);
}

/// Where a test's clock stands still, the background's does not.
#[tokio::test(start_paused = true)]
async fn a_flush_waits_for_the_reports_and_for_no_test_clock() {
    let gate = Gate::new();
    let background = Background::new(gate.clone());
    Track::from(background.clone())
        .sale(sale("inv_1"))
        .await
        .unwrap();
    let open = Arc::clone(&gate.open);
    std::thread::spawn(move || open.add_permits(1));
    assert_eq!(background.flush(LONG).await, []);
    assert_eq!(gate.taken(), ["inv_1"]);
}

/// The runtime of a handler may end, as those of actix-web's workers do, before the flush.
#[test]
fn the_runtime_that_reported_may_end() {
    let gate = Gate::new();
    let background = Background::new(gate.clone());
    let track = Track::from(background.clone());
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
    };
    runtime().block_on(track.sale(sale("inv_1"))).unwrap();
    gate.open.add_permits(1);
    assert_eq!(runtime().block_on(background.flush(LONG)), []);
    assert_eq!(gate.taken(), ["inv_1"]);
}

#[tokio::test]
async fn a_client_makes_its_attempts_there() {
    // More than for a handler, unless repeats are off.
    for (max_attempts, sent) in [(3, 6), (1, 1)] {
        let away = || answer(503, "");
        let script = Scripted::new([away(), away(), away(), away(), away(), accepted()]);
        let refport = script.client(|builder| {
            let builder = builder.max_attempts(max_attempts);
            builder.backoff(Duration::ZERO, Duration::ZERO)
        });
        let background = Background::new(refport);
        let track = Track::from(background.clone());
        track.sale(sale_once()).await.unwrap();
        background.flush(LONG).await;
        assert_eq!(script.sent(), sent);
    }
}
