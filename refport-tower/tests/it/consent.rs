//! Consent: who is asked, and what each answer does to one request.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use http::{Request, Response, header::SET_COOKIE};
use refport_core::{
    CookieName,
    capture::{Capture, GlobalPrivacyControl},
    consent::Consent,
};
use refport_tower::{CaptureLayer, ClickIdLayer, ConsentRequest};
use tower::{Layer, ServiceExt, layer::util::Stack, util::BoxService};

use crate::{get, through};

const EXPIRED: &str = "refp_id=; SameSite=Lax; Secure; Path=/; Max-Age=0";

/// The site's banner keeps its answer in the cookie `choice`.
fn by_cookie(request: &ConsentRequest<'_>) -> Consent {
    match request.cookie("choice").as_deref() {
        Some("all") => Consent::Granted,
        Some(_) => Consent::Denied,
        None => Consent::Unknown,
    }
}

fn set_cookies(response: &Response<String>) -> Vec<String> {
    let values = response.headers().get_all(SET_COOKIE).into_iter();
    values
        .map(|value| value.to_str().unwrap().to_owned())
        .collect()
}

type Boxed = BoxService<Request<()>, Response<String>, Infallible>;

/// `capture` and the reading layer around the handler, in the order asked for.
macro_rules! in_order {
    ($capture:expr) => {
        |reading_outside: bool| -> Boxed {
            let (reading, capture) = (ClickIdLayer::new(), $capture.clone());
            if reading_outside {
                BoxService::new(reading.layer(capture.layer(crate::echo())))
            } else {
                BoxService::new(capture.layer(reading.layer(crate::echo())))
            }
        }
    };
}

/// The rows are the same for each kind of gate, and in both orders of the layers.
async fn consent_table(in_order: impl Fn(bool) -> Boxed) {
    const STORED: &str = "refp_id=clk_new; SameSite=Lax; Secure; Path=/; Max-Age=7776000";
    let landing = "/?refp_id=clk_new";
    let rows: [(&str, &[&str], &[&str], &str); 9] = [
        (landing, &["choice=all"], &[STORED], "clk_new|-"),
        (landing, &[], &[], "clk_new|-"),
        (landing, &["choice=none"], &[], "-|-"),
        (
            landing,
            &["choice=none; refp_id=clk_old"],
            &[EXPIRED],
            "-|-",
        ),
        (landing, &["refp_id=clk_old"], &[], "clk_new|-"),
        ("/", &["choice=none; refp_id=clk_old"], &[EXPIRED], "-|-"),
        ("/", &["choice=all; refp_id=clk_old"], &[], "clk_old|-"),
        ("/", &["refp_id=clk_old"], &[], "clk_old|-"),
        ("/", &["choice=none"], &[], "-|-"),
    ];
    for (uri, cookies, written, seen) in rows {
        for reading_outside in [false, true] {
            let service = in_order(reading_outside);
            let response = service.oneshot(get(uri, cookies)).await.unwrap();
            let what = format!("{uri} {cookies:?}, the reader outside: {reading_outside}");
            assert_eq!(set_cookies(&response), written, "{what}");
            assert_eq!(response.body(), seen, "{what}");
        }
    }
}

#[tokio::test]
async fn a_gate_decides() {
    consent_table(in_order!(CaptureLayer::new().consent(by_cookie))).await;
}

#[tokio::test]
async fn a_gate_that_takes_its_time_decides_the_same() {
    let capture = CaptureLayer::new().consent_async(|request| {
        let consent = by_cookie(request);
        async move {
            tokio::task::yield_now().await;
            consent
        }
    });
    consent_table(in_order!(capture)).await;
}

#[tokio::test]
async fn a_middleware_further_out_decides_the_same() {
    /// A middleware of the site's own.
    #[derive(Clone)]
    struct Banner;

    impl<S> Layer<S> for Banner {
        type Service = tower::util::MapRequest<S, fn(Request<()>) -> Request<()>>;

        fn layer(&self, inner: S) -> Self::Service {
            tower::util::MapRequest::new(inner, |mut request| {
                let cookies = request.headers().get_all("cookie");
                let choice = refport_core::consent::cookie_value("choice", cookies);
                let answer = choice.map(|choice| Consent::from_answer(choice == "all"));
                if let Some(answer) = answer {
                    request.extensions_mut().insert(answer);
                }
                request
            })
        }
    }

    let capture = CaptureLayer::new().consent_from_extensions();
    consent_table(in_order!(Stack::new(capture.clone(), Banner))).await;
}

#[tokio::test]
async fn nobody_is_asked_about_nothing() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let sync = CaptureLayer::new().consent(move |_| {
        counter.fetch_add(1, Relaxed);
        Consent::Granted
    });
    let counter = Arc::clone(&asked);
    let later = CaptureLayer::new().consent_async(move |_| {
        counter.fetch_add(1, Relaxed);
        std::future::ready(Consent::Granted)
    });
    for uri in ["/", "/?plan=pro", "/?refp_id="] {
        through(sync.clone(), get(uri, &["theme=dark"])).await;
        through(later.clone(), get(uri, &["theme=dark"])).await;
    }
    assert_eq!(asked.load(Relaxed), 0);
    through(sync, get("/?refp_id=clk_new", &["refp_id=clk_old"])).await;
    through(later, get("/?refp_id=clk_new", &["refp_id=clk_old"])).await;
    assert_eq!(asked.load(Relaxed), 2, "once a request");
}

#[tokio::test]
async fn global_privacy_control_is_honoured_unless_told_otherwise() {
    let private = |uri: &str, cookies: &[&str]| {
        let mut request = get(uri, cookies);
        request
            .headers_mut()
            .insert("sec-gpc", "1".parse().unwrap());
        request
    };
    let layers = |capture: CaptureLayer| Stack::new(ClickIdLayer::new(), capture);
    let plain = layers(CaptureLayer::new());
    let landing = through(plain.clone(), private("/?refp_id=clk_new", &[])).await;
    assert_eq!(
        (set_cookies(&landing).len(), landing.body().as_str()),
        (0, "-|-")
    );
    let stored = through(plain, private("/", &["refp_id=clk_old"])).await;
    assert_eq!(
        (set_cookies(&stored), stored.body().as_str()),
        (vec![EXPIRED.to_owned()], "-|-")
    );

    let rules = Capture::new().global_privacy_control(GlobalPrivacyControl::Ignore);
    let ignoring = layers(CaptureLayer::from(rules.clone()));
    let landing = through(ignoring.clone(), private("/?refp_id=clk_new", &[])).await;
    assert_eq!(
        (set_cookies(&landing).len(), landing.body().as_str()),
        (1, "clk_new|-")
    );
    let stored = through(ignoring, private("/", &["refp_id=clk_old"])).await;
    assert_eq!(stored.body(), "clk_old|-");

    // A gate of one's own may weigh it.
    let weighing = CaptureLayer::from(rules).consent(|request| {
        let private = request.headers().contains_key("sec-gpc");
        if private && by_cookie(request) != Consent::Granted {
            Consent::Denied
        } else {
            Consent::Granted
        }
    });
    let agreed = private("/?refp_id=clk_new", &["choice=all"]);
    assert_eq!(through(weighing.clone(), agreed).await.body(), "clk_new|-");
    let silent = through(weighing, private("/?refp_id=clk_new", &[])).await;
    assert_eq!(silent.body(), "-|-");
}

#[tokio::test]
async fn one_programs_no_is_not_the_others() {
    let partli = Capture::new()
        .param("via")
        .cookie_name(CookieName::PARTLI)
        .unwrap();
    let partli = CaptureLayer::from(partli).consent(|_| Consent::Denied);
    let reading = Stack::new(
        ClickIdLayer::new(),
        ClickIdLayer::new().cookie_name(CookieName::PARTLI),
    );
    let layers = Stack::new(reading, Stack::new(CaptureLayer::new(), partli));
    let response = through(layers, get("/", &["refp_id=clk_1; pref_cid=c_1"])).await;
    assert_eq!(response.body(), "clk_1|-");
    assert_eq!(
        set_cookies(&response),
        ["pref_cid=; SameSite=Lax; Secure; Path=/; Max-Age=0"]
    );
}

#[tokio::test]
async fn an_extractor_reads_nothing_where_consent_is_denied() {
    let handler = tower::service_fn(async |request: Request<()>| {
        let (parts, ()) = request.into_parts();
        let one = refport_tower::find_click_id(&parts);
        let all = refport_tower::find_click_ids(&parts);
        let found = one.is_some() || all.get(&CookieName::REFPORT).is_some();
        Ok::<_, Infallible>(Response::new(found))
    });
    let service = CaptureLayer::new().consent(by_cookie).layer(handler);
    let found = async |cookies| {
        let service = service.clone();
        service
            .oneshot(get("/", &[cookies]))
            .await
            .unwrap()
            .into_body()
    };
    assert!(found("refp_id=clk_1; choice=all").await);
    assert!(found("refp_id=clk_1").await);
    assert!(!found("refp_id=clk_1; choice=none").await);
}

#[tokio::test]
async fn a_gate_that_takes_its_time_keeps_the_readiness_it_got() {
    let capture = CaptureLayer::new().consent_async(|_| std::future::ready(Consent::Granted));
    let (mut service, mut handle) =
        tower_test::mock::spawn_layer::<Request<()>, Response<()>, _>(capture);
    handle.allow(0);
    assert!(service.poll_ready().is_pending());
    handle.allow(1);
    assert!(service.poll_ready().is_ready());
    // The mock panics where a service is called that was not made ready.
    let response = tokio::spawn(service.call(get("/?refp_id=clk_new", &[])));
    let (_, send) = handle.next_request().await.unwrap();
    send.send_response(Response::new(()));
    assert!(
        response
            .await
            .unwrap()
            .unwrap()
            .headers()
            .contains_key(SET_COOKIE)
    );
}
