//! A report goes on when nobody waits for it: buyers who leave, runtimes that are busy or end.

mod stages;

use std::{
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Duration,
};

use bytes::Bytes;
use http::Response;
use refport_core::{BoxError, Lead, Partli, Refport, RefportBuilder, Sale, track::OrWarn};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    runtime::{Builder, Runtime},
    sync::Semaphore,
    time::{sleep, timeout},
};
use tower::service_fn;

use crate::{
    scripted::{Scripted, accepted, answer, click, sale, sale_once},
    threaded::Service,
};

const SALE: &str = r#"{"sale":{"id":"sale_1"}}"#;

/// What the client told of failures.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl Told {
    fn by(&self, builder: RefportBuilder) -> RefportBuilder {
        let told = self.clone();
        builder.on_error(move |error| told.0.lock().unwrap().push(error.to_string()))
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// The handler is dropped while it waits, as servers do when a buyer leaves.
async fn leave_after<T>(time: Duration, call: impl Future<Output = T>) {
    assert!(timeout(time, call).await.is_err(), "still on its way");
}

#[tokio::test(start_paused = true)]
async fn a_report_that_is_to_be_repeated_is_repeated_without_the_buyer() {
    let told = Told::default();
    let script = Scripted::new([answer(503, ""), accepted()]);
    let refport = script.client(|builder| told.by(builder));
    leave_after(Duration::from_millis(60), refport.track.sale(sale_once())).await;
    assert_eq!(script.sent(), 1);
    sleep(Duration::from_secs(3)).await;
    assert_eq!(script.sent(), 2);
    assert_eq!(told.all(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn one_that_fails_without_the_buyer_is_told_of() {
    let told = Told::default();
    let script = Scripted::new([answer(503, "")]);
    let refport = script.client(|builder| told.by(builder));
    leave_after(Duration::from_millis(60), refport.track.sale(sale_once())).await;
    sleep(Duration::from_secs(3)).await;
    assert_eq!(script.sent(), 3);
    assert_eq!(told.all(), ["service answered 503"]);
}

#[tokio::test(start_paused = true)]
async fn one_that_waits_for_its_answer_gets_it_without_the_buyer() {
    let (answers, taken) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (gate, done) = (Arc::clone(&answers), Arc::clone(&taken));
    let slow = service_fn(move |_| {
        let (gate, done) = (Arc::clone(&gate), Arc::clone(&done));
        async move {
            gate.acquire().await.unwrap().forget();
            done.add_permits(1);
            Ok::<_, BoxError>(Response::new(Bytes::from_static(SALE.as_bytes())))
        }
    });
    let refport = Refport::builder("rk_test").transport(slow).build().unwrap();
    leave_after(Duration::from_millis(60), refport.track.sale(sale())).await;
    // Not even the client has to be there.
    drop(refport);
    answers.add_permits(1);
    taken.acquire().await.unwrap().forget();
}

#[tokio::test(start_paused = true)]
async fn one_that_was_not_begun_is_not_sent() {
    let script = Scripted::new([accepted()]);
    let refport = script.client(|builder| builder);
    drop(refport.track.sale(sale()));
    sleep(Duration::from_secs(3)).await;
    assert_eq!(script.sent(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_budget_ends_it_all_the_same() {
    let told = Told::default();
    let silent = service_fn(|_| std::future::pending::<Result<Response<Bytes>, BoxError>>());
    let refport = told.by(Refport::builder("rk_test").transport(silent));
    let refport = refport.build().unwrap();
    leave_after(Duration::from_secs(1), refport.track.sale(sale_once())).await;
    sleep(Duration::from_millis(1900)).await;
    assert_eq!(told.all(), [""; 0]);
    sleep(Duration::from_millis(200)).await;
    assert_eq!(told.all(), ["the service did not answer in time"]);
}

/// With a transport of the caller's own, the call is a task of the caller's runtime.
#[test]
fn one_that_is_cut_off_by_the_end_of_its_runtime_is_told_of() {
    let told = Told::default();
    let script = Scripted::new([answer(503, "")]);
    let refport = script.client(|builder| told.by(builder));
    let runtime = runtime();
    runtime.block_on(leave_after(
        Duration::from_millis(60),
        refport.track.sale(sale_once()),
    ));
    drop(runtime);
    assert_eq!(told.all(), ["the connection to the service broke"]);
}

/// A log that a test reads.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What is logged by what a client does whose service is away.
fn logged(run: impl AsyncFnOnce(&Refport)) -> String {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false);
    let subscriber = subscriber.with_writer(move || writer.clone());
    tracing::subscriber::with_default(subscriber.finish(), || {
        let paused = Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build();
        let script = Scripted::new([answer(503, "")]);
        let refport = script.client(|builder| builder);
        paused.unwrap().block_on(run(&refport));
    });
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(
        !log.contains("example.com") && !log.contains("_secret"),
        "{log}"
    );
    log
}

/// The one line that warns of a loss. So that it can be made again by hand, it names the invoice.
fn warning(log: &str) -> &str {
    let warnings: Vec<_> = log.lines().filter(|line| line.contains(" WARN ")).collect();
    let [warning] = warnings[..] else {
        panic!("{log}");
    };
    assert!(warning.contains(r#"invoice="inv_001""#), "{warning}");
    warning
}

#[test]
fn the_log_says_which_report_was_lost_and_nothing_about_the_person() {
    let log = logged(async |refport| {
        leave_after(Duration::from_millis(60), refport.track.sale(sale_once())).await;
        sleep(Duration::from_secs(3)).await;
    });
    let lost = warning(&log);
    assert!(
        lost.contains("nobody waits for it") && lost.contains("service answered 503"),
        "{lost}"
    );
}

#[test]
fn who_waits_for_it_warns_of_it() {
    let log = logged(async |refport| {
        refport.track.sale(sale_once()).await.or_warn();
    });
    let lost = warning(&log);
    assert!(
        lost.contains("the order stands") && lost.contains("service answered 503"),
        "{lost}"
    );
    // What is certainly refused is not even sent.
    let refused = Sale::new(click(), "", 4900).invoice_id("inv_001");
    let log = logged(async |refport| {
        refport.track.sale(refused).await.or_warn();
    });
    assert!(warning(&log).contains("customerExternalId"), "{log}");
}

#[test]
fn one_that_is_cut_off_without_the_buyer_is_in_the_log() {
    let log = logged(async |refport| {
        leave_after(Duration::from_millis(60), refport.track.sale(sale_once())).await;
    });
    assert!(warning(&log).contains("nobody waits for it"), "{log}");
}

/// A lead's own ID may be made of the customer's.
#[test]
fn the_log_names_no_customer_of_a_lead() {
    let script = Scripted::new([answer(503, "")]);
    let partli = Partli::builder("pk_live_test").transport(script);
    let partli = partli.build().unwrap();
    let log = logged(async |_| {
        let lead = Lead::without_click("Sign Up", "ada@example.com");
        partli.track.lead(lead).await.or_warn();
    });
    assert!(log.contains("service answered 503"), "{log}");
}

#[tokio::test]
async fn a_transport_that_panics_is_an_error() {
    let told = Told::default();
    let panics = service_fn(async |_| -> Result<Response<Bytes>, BoxError> { panic!("a bug") });
    let refport = told.by(Refport::builder("rk_test").transport(panics));
    let refport = refport.build().unwrap();
    let error = refport.track.sale(sale_once()).await.unwrap_err();
    let why = std::error::Error::source(&error).unwrap().to_string();
    assert!(why.contains("panicked"), "{why}");
    assert_eq!(told.all().len(), 1);
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Over real sockets, with the buyer's whole runtime gone.
#[tokio::test]
async fn over_sockets_it_outlives_the_runtime_that_began_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let refport = Refport::builder("rk_test").base_url(url).build().unwrap();
    let (leave, left) = mpsc::sync_channel::<()>(1);
    let buyer = thread::spawn(move || {
        let runtime = runtime();
        runtime.spawn(refport.track.sale(sale_once()));
        // The task is begun, and nothing drives it any more.
        runtime.block_on(tokio::task::yield_now());
        left.recv().unwrap();
    });

    let mut requests = 0;
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut leave = Some((leave, buyer));
    while requests < 2 {
        let mut seen = Vec::new();
        while !seen.ends_with(b"}") {
            assert_ne!(stream.read_buf(&mut seen).await.unwrap(), 0, "cut off");
        }
        requests += 1;
        if let Some((leave, buyer)) = leave.take() {
            leave.send(()).unwrap();
            buyer.join().unwrap();
        }
        let again = b"HTTP/1.1 503 Away\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(again).await.unwrap();
    }
}

/// As with two workers of actix-web: one makes the connection and then computes.
#[test]
fn a_busy_worker_holds_up_no_other() {
    let service = Service::start(SALE, usize::MAX);
    let refport = Refport::builder("rk_test").base_url(&service.url);
    let refport = refport.build().unwrap();
    let (other_is_done, wait_for_other) = mpsc::sync_channel(1);
    let (connected, wait_for_connection) = mpsc::sync_channel(1);
    thread::scope(|scope| {
        let track = refport.track.clone();
        scope.spawn(move || {
            runtime().block_on(async {
                track.sale(sale()).await.unwrap();
                connected.send(()).unwrap();
                wait_for_other.recv().unwrap();
            });
        });
        wait_for_connection.recv().unwrap();
        let other = runtime().block_on(refport.track.sale(sale()));
        other_is_done.send(()).unwrap();
        other.unwrap();
    });
    assert_eq!(service.seen().len(), 2);
    assert_eq!(service.connections(), 1, "shared");
}

#[test]
fn runtimes_that_end_take_no_connection_with_them() {
    let service = Service::start(SALE, usize::MAX);
    let refport = Refport::builder("rk_test").base_url(&service.url);
    let refport = refport.build().unwrap();
    let mut runtimes: Vec<Runtime> = (0..4).map(|_| runtime()).collect();
    for _ in 0..4 {
        for runtime in &runtimes {
            runtime.block_on(refport.track.sale(sale())).unwrap();
        }
        drop(runtimes.remove(0));
    }
    assert_eq!(service.seen().len(), 4 + 3 + 2 + 1);
    assert_eq!(service.connections(), 1);
}
