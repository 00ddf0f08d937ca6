//! One trait over the services, and one report to several of them.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{Response, StatusCode};
use proptest::prelude::*;
use refport_core::{
    ApiError, BoxError, ClickId, ClickIds, CookieName, Currency, Error, ErrorKind, InvalidRequest,
    Lead, Partli, Refport, Sale, TransportError,
    destination::{Destination, FanOut, Patience, Program, Report, Reported, Reporting},
    track::{Acknowledged, CommissionStatus, NothingToReport, Outcome},
};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::scripted::{Scripted, accepted, answer, fails};

fn id(text: &str) -> ClickId {
    text.parse().unwrap()
}

fn clicks(ids: &[(CookieName, &str)]) -> ClickIds {
    let mut clicks = ClickIds::default();
    for (name, text) in ids {
        clicks.insert(name.clone(), id(text));
    }
    clicks
}

fn both() -> ClickIds {
    clicks(&[(CookieName::REFPORT, "clk_1"), (CookieName::PARTLI, "c_1")])
}

fn sale() -> Sale {
    Sale::without_click("user_001", 4900).invoice_id("inv_001")
}

fn lead() -> Lead {
    Lead::without_click("Sign Up", "user_001")
}

fn refport(script: &Scripted) -> Refport {
    script.client(|builder| builder)
}

fn partli(script: &Scripted) -> Partli {
    Partli::builder("pk_live_secret")
        .transport(script.clone())
        .build()
        .unwrap()
}

fn attributed() -> Scripted {
    Scripted::new([answer(200, r#"{"eventId":"7f3c","attributed":true}"#)])
}

fn bodies(script: &Scripted) -> Vec<Value> {
    let body = |request: &http::Request<bytes::Bytes>| serde_json::from_slice(request.body());
    script
        .seen()
        .iter()
        .map(|seen| body(seen).unwrap())
        .collect()
}

fn event(report: &Report) -> Option<&str> {
    match report.outcome.as_ref().ok()? {
        Outcome::Accepted(reported) => reported.event_id.as_deref(),
        _ => None,
    }
}

/// A service of a user's own: keeps what it gets, and does with it as told.
#[derive(Clone)]
struct Own {
    name: &'static str,
    cookie: CookieName,
    needs_click: bool,
    got: Arc<Mutex<Vec<Value>>>,
    then: Then,
}

type Then = fn() -> Reporting<'static>;

impl Own {
    fn new(name: &'static str, then: Then) -> Self {
        Self {
            name,
            cookie: CookieName::new(name).unwrap(),
            needs_click: false,
            got: Arc::default(),
            then,
        }
    }

    fn got(&self) -> Vec<Value> {
        self.got.lock().unwrap().clone()
    }

    fn keep(&self, body: serde_json::Result<Value>) -> Reporting<'_> {
        self.got.lock().unwrap().push(body.unwrap());
        (self.then)()
    }
}

impl Destination for Own {
    fn name(&self) -> &str {
        self.name
    }

    fn cookie_name(&self) -> CookieName {
        self.cookie.clone()
    }

    fn needs_click(&self) -> bool {
        self.needs_click
    }

    fn report_lead(&self, lead: Lead) -> Reporting<'_> {
        self.keep(serde_json::to_value(lead))
    }

    fn report_sale(&self, sale: Sale) -> Reporting<'_> {
        self.keep(serde_json::to_value(sale))
    }
}

fn fine() -> Reporting<'static> {
    Box::pin(async { Ok(Outcome::Accepted(Reported::event("entry_1"))) })
}

fn slow() -> Reporting<'static> {
    Box::pin(async {
        sleep(Duration::from_secs(2)).await;
        Ok(Outcome::Accepted(Reported::event("late")))
    })
}

fn never() -> Reporting<'static> {
    Box::pin(std::future::pending())
}

fn refuses() -> Reporting<'static> {
    Box::pin(async {
        let code = Some("CLOSED".to_owned());
        Err(Error::Api(ApiError::new(
            StatusCode::BAD_REQUEST,
            code,
            None,
        )))
    })
}

fn panics() -> Reporting<'static> {
    panic!("of a user's own service")
}

fn panics_later() -> Reporting<'static> {
    Box::pin(async { panic!("of a user's own service") })
}

#[tokio::test]
async fn the_services_are_destinations_without_their_type() {
    let refports = Scripted::new([answer(
        200,
        r#"{"sale":{"id":"sale_1","commissionAmount":490,"currency":"eur","status":"pending"}}"#,
    )]);
    let partlis = attributed();
    let destinations: Vec<Box<dyn Destination>> =
        vec![Box::new(refport(&refports)), Box::new(partli(&partlis))];
    let [one, two] = &destinations[..] else {
        unreachable!()
    };
    assert_eq!((one.name(), two.name()), ("refport", "partli"));
    assert_eq!(one.cookie_name(), CookieName::REFPORT);
    assert_eq!(two.cookie_name(), CookieName::PARTLI);
    assert!(one.needs_click() && !two.needs_click());
    assert!(!one.counts_leads_once() && two.counts_leads_once());

    let with_click = sale().click_id(Some(id("clk_1")));
    let Ok(Outcome::Accepted(reported)) = one.report_sale(with_click).await else {
        panic!("not accepted")
    };
    assert_eq!(reported.event_id.as_deref(), Some("sale_1"));
    assert_eq!(reported.commission_amount, Some(490));
    assert_eq!(reported.currency, Some(Currency::EUR));
    assert_eq!(reported.commission_status, Some(CommissionStatus::Pending));

    let outcome = two.report_lead(lead()).await.unwrap();
    assert_eq!(outcome, Outcome::Accepted(Reported::event("7f3c")));

    let error = one.report_sale(sale()).await.unwrap_err();
    assert!(
        matches!(error, Error::Invalid(_)),
        "alone, it says what is missing"
    );
}

#[tokio::test]
async fn a_lead_of_refport_tells_the_link_or_that_there_is_none() {
    for (body, want) in [
        (r#"{"link":{"id":"lnk_1"}}"#, Some("lnk_1")),
        ("null", None),
    ] {
        let destination = refport(&Scripted::new([answer(200, body)]));
        let lead = lead().click_id(Some(id("clk_1")));
        match destination.report_lead(lead).await.unwrap() {
            Outcome::Accepted(reported) => assert_eq!(reported.link_id.as_deref(), want),
            outcome => {
                assert_eq!(want, None);
                assert_eq!(outcome, Outcome::NothingToReport(NothingToReport::NoLink));
            }
        }
    }
}

#[tokio::test]
async fn each_program_gets_its_own_click() {
    let (refports, partlis) = (Scripted::new([accepted()]), attributed());
    let own = Own::new("ledger", fine);
    let programs = FanOut::new()
        .to(refport(&refports))
        .to(partli(&partlis))
        .to(own.clone());
    let reports = programs.report_sale(sale(), &both()).await;

    let names: Vec<_> = reports.iter().map(|report| &*report.destination).collect();
    assert_eq!(names, ["refport", "partli", "ledger"]);
    let events: Vec<_> = reports.iter().map(event).collect();
    assert_eq!(events, [Some("sale_1"), Some("7f3c"), Some("entry_1")]);
    assert_eq!(bodies(&refports)[0]["clickId"], "clk_1");
    assert_eq!(bodies(&partlis)[0]["clickId"], "c_1");
    assert_eq!(own.got()[0].get("clickId"), None);

    let reports = programs.clone().report_lead(lead(), &both()).await;
    assert_eq!(reports.len(), 3);
    assert_eq!(bodies(&refports)[1]["clickId"], "clk_1");
    assert_eq!(bodies(&partlis)[1]["clickId"], "c_1");
    assert_eq!(
        own.got()[1],
        json!({ "eventName": "Sign Up", "customerExternalId": "user_001" })
    );
}

#[tokio::test]
async fn a_program_that_needs_a_click_and_has_none_is_not_asked() {
    let (refports, partlis) = (Scripted::new([accepted()]), attributed());
    let programs = FanOut::new().to(refport(&refports)).to(partli(&partlis));
    let clicks = clicks(&[(CookieName::PARTLI, "c_1")]);
    // The click of the sale itself is nobody's: it does not say whose it is.
    let reports = programs
        .report_sale(sale().click_id(Some(id("c_1"))), &clicks)
        .await;
    let outcome = reports[0].outcome.as_ref().unwrap();
    assert_eq!(*outcome, Outcome::NothingToReport(NothingToReport::NoClick));
    assert!(!reports[0].outcome.is_acknowledged());
    assert_eq!(event(&reports[1]), Some("7f3c"));
    assert_eq!((refports.sent(), partlis.sent()), (0, 1));
}

#[tokio::test]
async fn a_withheld_click_goes_nowhere() {
    let (refports, partlis) = (Scripted::new([accepted()]), attributed());
    let programs = FanOut::new().to(refport(&refports)).to(partli(&partlis));
    let mut clicks = both();
    clicks.withhold(CookieName::new("acme_ref").unwrap().for_default_program());
    clicks.withhold(CookieName::PARTLI);
    programs.report_sale(sale(), &clicks).await;
    assert_eq!(refports.sent(), 0);
    assert_eq!(bodies(&partlis)[0].get("clickId"), None);
}

#[tokio::test(start_paused = true)]
async fn a_dead_service_does_not_touch_another() {
    let dead = Scripted::new([fails(|| TransportError::connect(false, "refused"))]);
    let fine = attributed();
    let programs = FanOut::new().to(refport(&dead)).to(partli(&fine));
    let reports = programs.report_sale(sale(), &both()).await;
    let error = reports[0].outcome.as_ref().unwrap_err();
    assert!(error.is_retryable(), "{error:?}");
    assert_eq!(event(&reports[1]), Some("7f3c"));
    assert_eq!((dead.sent(), fine.sent()), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn all_are_called_at_once_and_none_holds_another() {
    let own = [
        Own::new("a", slow),
        Own::new("b", slow),
        Own::new("c", never),
    ];
    let programs = own.iter().cloned().fold(FanOut::new(), FanOut::to);
    let start = Instant::now();
    let reports = tokio::spawn({
        let programs = programs.clone();
        async move { programs.report_sale(sale(), &ClickIds::default()).await }
    });
    let reports = reports.await.unwrap();
    assert_eq!(start.elapsed().as_secs(), 3, "the time of the slowest");
    assert_eq!(
        (event(&reports[0]), event(&reports[1])),
        (Some("late"), Some("late"))
    );
    assert!(reports[2].outcome.as_ref().unwrap_err().is_timeout());

    let start = Instant::now();
    let programs = programs.timeout(Duration::from_secs(1));
    let reports = programs.report_lead(lead(), &ClickIds::default()).await;
    assert_eq!(start.elapsed().as_secs(), 1);
    assert!(reports.iter().all(|report| report.outcome.is_err()));
}

#[tokio::test]
async fn a_panic_is_one_destinations_own() {
    let programs = FanOut::new()
        .to(Own::new("a", panics))
        .to(Own::new("b", fine))
        .to(Own::new("c", panics_later));
    let reports = programs.report_sale(sale(), &ClickIds::default()).await;
    for broken in [&reports[0], &reports[2]] {
        let error = broken.outcome.as_ref().unwrap_err();
        let Error::Transport(error) = error else {
            panic!("{error:?}")
        };
        assert!(!error.is_unseen(), "it may have counted it");
    }
    assert_eq!(event(&reports[1]), Some("entry_1"));
}

#[tokio::test]
async fn an_own_service_says_what_went_wrong() {
    let own = Own::new("ledger", refuses);
    let boxed: Box<dyn Destination> = Box::new(own);
    let reports = FanOut::new().to(boxed).report_sale(sale(), &both()).await;
    let error = reports[0].outcome.as_ref().unwrap_err();
    let api = error.as_api().unwrap();
    assert_eq!(
        (api.kind(), api.code()),
        (ErrorKind::Validation, Some("CLOSED"))
    );
    assert!(!error.is_retryable() && error.is_acknowledged());

    let busy = ApiError::new(StatusCode::TOO_MANY_REQUESTS, None, None);
    let busy = busy.waiting(Some(Duration::from_secs(7)));
    assert_eq!(busy.retry_after(), Some(Duration::from_secs(7)));
    assert!(Error::Api(busy).is_retryable());
    let invalid = Error::Invalid(InvalidRequest::new("amount", "is odd"));
    assert!(!invalid.is_retryable());
}

#[tokio::test]
async fn two_programs_of_one_service_are_kept_apart() {
    let (first, second) = (Scripted::new([accepted()]), Scripted::new([accepted()]));
    let name = CookieName::new("reseller_ref").unwrap();
    let resellers = Program::new("resellers", name.clone(), Arc::new(refport(&second)));
    assert!(resellers.needs_click());
    let programs = FanOut::new().to(refport(&first)).to(resellers);
    let clicks = clicks(&[(CookieName::REFPORT, "clk_1"), (name, "clk_2")]);
    let reports = programs.report_sale(sale(), &clicks).await;
    assert_eq!(reports[1].destination, "resellers");
    assert_eq!(bodies(&first)[0]["clickId"], "clk_1");
    assert_eq!(bodies(&second)[0]["clickId"], "clk_2");
    programs.report_lead(lead(), &clicks).await;
    assert_eq!(bodies(&second)[1]["clickId"], "clk_2");
}

#[test]
fn a_service_that_counts_a_repeated_lead_once_says_so_under_every_name() {
    let script = Scripted::new([]);
    let builder = Refport::builder("rk_test").transport(script);
    let own = builder.repeat_leads(true).build().unwrap();
    let program = Program::new("resellers", CookieName::REFPORT, own);
    assert!(program.counts_leads_once());
    let shared: Arc<dyn Destination> = Arc::new(program);
    assert!(Arc::clone(&shared).counts_leads_once());
    assert!((Box::new(shared) as Box<dyn Destination>).counts_leads_once());
}

#[test]
fn a_fan_out_is_shared_and_shows_no_key() {
    fn is_shared<T: Clone + Send + Sync + 'static>(_: &T) {}
    let script = attributed();
    let programs = FanOut::new().to(refport(&script)).to(partli(&script));
    is_shared(&programs);
    let text = format!("{programs:?}");
    assert!(text.contains(r#"["refport", "partli"]"#), "{text}");
    assert!(!text.contains("secret"), "{text}");
    // One that is taken further leaves the first as it was.
    let more = programs.clone().to(Own::new("ledger", fine));
    assert_eq!(
        (programs.destinations().count(), more.destinations().count()),
        (2, 3)
    );
}

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

proptest! {
    /// Whatever clicks there are, and whatever the sale and lead carry: each destination gets the
    /// click under its own name or none.
    #[test]
    fn no_program_ever_gets_anothers_click(
        known in proptest::collection::vec(0..NAMES.len() + 2, 0..6),
        served in proptest::collection::vec((0..NAMES.len(), any::<bool>()), 0..6),
        carried in any::<bool>(),
    ) {
        let mut clicks = ClickIds::default();
        for index in &known {
            let name = NAMES.get(*index).copied().unwrap_or("refp_id");
            clicks.insert(CookieName::new(name).unwrap(), id(&format!("click_of_{name}")));
        }
        let own: Vec<Own> = served
            .iter()
            .map(|&(index, needs_click)| Own { needs_click, ..Own::new(NAMES[index], fine) })
            .collect();
        let programs = own.iter().cloned().fold(FanOut::new(), FanOut::to);
        let carried = carried.then(|| id("click_of_somebody"));
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
            programs.report_sale(sale().click_id(carried.clone()), &clicks).await;
            programs.report_lead(lead().click_id(carried), &clicks).await;
        });
        for destination in &own {
            let want = clicks.get(&destination.cookie).map(ToString::to_string);
            let got = destination.got();
            let asked = want.is_some() || !destination.needs_click;
            prop_assert_eq!(got.len(), if asked { 2 } else { 0 });
            for body in got {
                prop_assert_eq!(body.get("clickId").and_then(Value::as_str), want.as_deref());
            }
        }
    }
}

/// A worker of an outbox has more time than a buyer, and makes the repeats itself.
#[tokio::test(start_paused = true)]
async fn for_a_worker_a_client_makes_one_patient_attempt() {
    let slow = tower::service_fn(async |_| {
        sleep(Duration::from_secs(8)).await;
        Ok::<_, BoxError>(Response::new(Bytes::from_static(
            br#"{"sale":{"id":"sale_1"},"eventId":"e_1","attributed":true}"#,
        )))
    });
    let refport = Refport::builder("rk_test").transport(slow).build().unwrap();
    let partli = Partli::builder("pk_test").transport(slow).build().unwrap();
    let other = CookieName::new("other").unwrap();
    let destinations: [Box<dyn Destination>; 4] = [
        Box::new(refport.clone()),
        Box::new(partli),
        Box::new(Arc::new(refport.clone())),
        Box::new(Program::new("other", other.clone(), refport)),
    ];
    for destination in destinations {
        let sale = || sale().click_id(Some(id("clk_1")));
        let error = destination.report_sale(sale()).await.unwrap_err();
        assert!(error.is_timeout());
        let patient = destination.patient(Patience::Worker).unwrap();
        patient.report_sale(sale()).await.unwrap();
        assert_eq!(patient.name(), destination.name());
        assert_eq!(patient.cookie_name(), destination.cookie_name());
    }

    let script = Scripted::new([answer(503, "")]);
    let refport = script
        .client(|builder| builder)
        .patient(Patience::Worker)
        .unwrap();
    let error = refport.report_sale(sale().click_id(Some(id("clk_1"))));
    error.await.unwrap_err();
    assert_eq!(script.sent(), 1);
    // A destination of one's own is used as it is.
    assert!(Destination::patient(&Own::new("a", self::slow), Patience::Worker).is_none());
}
