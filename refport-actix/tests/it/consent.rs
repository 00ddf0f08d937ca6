//! Consent: who is asked, and what each answer does to one request.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use actix_web::{
    App, Error, HttpMessage, HttpRequest,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    middleware::{Next, from_fn},
    test, web,
};
use refport_actix::{
    Capture, CaptureMiddleware, ClickIdExt, ClickIdMiddleware, Consent, CookieName,
    GlobalPrivacyControl,
    guard::{has_click_id, no_click_id},
};

use crate::{Answer, NO_COOKIES, echo, get, optional, send, through};

const EXPIRED: &str = "refp_id=; SameSite=Lax; Secure; Path=/; Max-Age=0";

/// The site's banner keeps its answer in the cookie `choice`.
fn by_cookie(request: &ServiceRequest) -> Consent {
    match request.cookie_value("choice").as_deref() {
        Some("all") => Consent::Granted,
        Some(_) => Consent::Denied,
        None => Consent::Unknown,
    }
}

/// The rows are the same for each kind of gate, and in both orders of the middlewares. `through`
/// sends a request through an application with the reading one outside, or not.
async fn consent_table(through: impl AsyncFn(bool, &str, &[&str]) -> Answer) {
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
            let answer = through(reading_outside, uri, cookies).await;
            let what = format!("{uri} {cookies:?}, the reader outside: {reading_outside}");
            assert_eq!(answer.set_cookies(), written, "{what}");
            assert_eq!(answer.body, seen, "{what}");
        }
    }
}

/// `$capture` and the reading middleware around the handler, in the order asked for, and `$outer`
/// around both.
macro_rules! in_both_orders {
    ($capture:expr, $outer:expr) => {
        consent_table(async |reading_outside, uri, cookies| {
            let (reading, capture, outer) = (ClickIdMiddleware::new(), $capture.clone(), $outer);
            let request = get(uri, cookies);
            if reading_outside {
                through(echo().wrap(capture).wrap(reading).wrap(outer), request).await
            } else {
                through(echo().wrap(reading).wrap(capture).wrap(outer), request).await
            }
        })
        .await
    };
}

/// A middleware of the site's own that says nothing.
async fn silent<B>(request: ServiceRequest, next: Next<B>) -> Result<ServiceResponse<B>, Error>
where
    B: MessageBody + 'static,
{
    next.call(request).await
}

#[actix_web::test]
async fn a_gate_decides() {
    let capture = CaptureMiddleware::new().consent(by_cookie);
    in_both_orders!(capture, from_fn(silent));
}

#[actix_web::test]
async fn a_gate_that_takes_its_time_decides_the_same() {
    let capture = CaptureMiddleware::new().consent_async(|request| {
        let consent = by_cookie(request);
        async move {
            tokio::task::yield_now().await;
            consent
        }
    });
    in_both_orders!(capture, from_fn(silent));
}

#[actix_web::test]
async fn a_middleware_further_out_decides_the_same() {
    async fn banner<B>(request: ServiceRequest, next: Next<B>) -> Result<ServiceResponse<B>, Error>
    where
        B: MessageBody + 'static,
    {
        let choice = request.cookie_value("choice");
        if let Some(answer) = choice.map(|choice| Consent::from_answer(choice == "all")) {
            request.extensions_mut().insert(answer);
        }
        next.call(request).await
    }

    let capture = CaptureMiddleware::new().consent_from_extensions();
    in_both_orders!(capture, from_fn(banner));
}

#[actix_web::test]
async fn nobody_is_asked_about_nothing() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let sync = CaptureMiddleware::new().consent(move |_| {
        counter.fetch_add(1, Relaxed);
        Consent::Granted
    });
    let counter = Arc::clone(&asked);
    let later = CaptureMiddleware::new().consent_async(move |_| {
        counter.fetch_add(1, Relaxed);
        std::future::ready(Consent::Granted)
    });
    let sync = test::init_service(echo().wrap(sync)).await;
    let later = test::init_service(echo().wrap(later)).await;
    for uri in ["/", "/?plan=pro", "/?refp_id="] {
        send(&sync, get(uri, &["theme=dark"]).to_request()).await;
        send(&later, get(uri, &["theme=dark"]).to_request()).await;
    }
    let private = || get("/?refp_id=clk_new", NO_COOKIES).insert_header(("sec-gpc", "1"));
    send(&sync, private().to_request()).await;
    send(&later, private().to_request()).await;
    assert_eq!(asked.load(Relaxed), 0);
    let landing = || get("/?refp_id=clk_new", &["refp_id=clk_old"]);
    send(&sync, landing().to_request()).await;
    send(&later, landing().to_request()).await;
    assert_eq!(asked.load(Relaxed), 2, "once a request");
}

#[actix_web::test]
async fn a_gate_that_takes_its_time_leaves_its_answer() {
    let handler = async |request: HttpRequest| {
        let answer = request.extensions().get::<Consent>().copied();
        format!("{answer:?}")
    };
    let capture = CaptureMiddleware::new().consent_async(|_| std::future::ready(Consent::Denied));
    let app = App::new().wrap(capture).route("/", web::get().to(handler));
    let app = test::init_service(app).await;
    let answer = send(&app, get("/?refp_id=clk_new", NO_COOKIES).to_request()).await;
    assert_eq!(answer.body, "Some(Denied)");
    let answer = send(&app, get("/", NO_COOKIES).to_request()).await;
    assert_eq!(answer.body, "None", "nobody was asked");
}

#[actix_web::test]
async fn global_privacy_control_is_honoured_unless_told_otherwise() {
    let app = |capture: CaptureMiddleware| echo().wrap(ClickIdMiddleware::new()).wrap(capture);
    let private = |uri: &str, cookies: &[&str]| get(uri, cookies).insert_header(("sec-gpc", "1"));
    let (landing, old) = ("/?refp_id=clk_new", &["refp_id=clk_old"]);

    let plain = test::init_service(app(CaptureMiddleware::new())).await;
    let answer = send(&plain, private(landing, NO_COOKIES).to_request()).await;
    assert_eq!(answer.set_cookies(), [""; 0]);
    assert_eq!(answer.body, "-|-");
    let answer = send(&plain, private("/", old).to_request()).await;
    assert_eq!(answer.set_cookies(), [EXPIRED]);
    assert_eq!(answer.body, "-|-");

    let rules = Capture::new().global_privacy_control(GlobalPrivacyControl::Ignore);
    let ignoring = CaptureMiddleware::from(rules.clone());
    let ignoring = test::init_service(app(ignoring)).await;
    let answer = send(&ignoring, private(landing, NO_COOKIES).to_request()).await;
    assert_eq!(answer.set_cookies().len(), 1);
    assert_eq!(answer.body, "clk_new|-");
    let answer = send(&ignoring, private("/", old).to_request()).await;
    assert_eq!(answer.body, "clk_old|-");

    // A gate of one's own may weigh it.
    let weighing = CaptureMiddleware::from(rules).consent(|request| {
        let private = request.headers().contains_key("sec-gpc");
        if private && by_cookie(request) != Consent::Granted {
            Consent::Denied
        } else {
            Consent::Granted
        }
    });
    let weighing = test::init_service(app(weighing)).await;
    let answer = send(&weighing, private(landing, &["choice=all"]).to_request()).await;
    assert_eq!(answer.body, "clk_new|-");
    let answer = send(&weighing, private(landing, NO_COOKIES).to_request()).await;
    assert_eq!(answer.body, "-|-");
}

#[actix_web::test]
async fn one_programs_no_is_not_the_others() {
    let partli = Capture::new()
        .param("via")
        .cookie_name(CookieName::PARTLI)
        .unwrap();
    let partli = CaptureMiddleware::from(partli).consent(|_| Consent::Denied);
    let app = echo()
        .wrap(ClickIdMiddleware::new())
        .wrap(ClickIdMiddleware::new().cookie_name(CookieName::PARTLI))
        .wrap(CaptureMiddleware::new())
        .wrap(partli);
    let answer = through(app, get("/", &["refp_id=clk_1; pref_cid=c_1"])).await;
    assert_eq!(answer.body, "clk_1|-");
    let expired = "pref_cid=; SameSite=Lax; Secure; Path=/; Max-Age=0";
    assert_eq!(answer.set_cookies(), [expired]);
}

#[actix_web::test]
async fn an_extractor_reads_nothing_where_consent_is_denied() {
    let all = async |request: HttpRequest| {
        let ids = request.click_ids();
        let id = ids.get(&CookieName::REFPORT).map(ToString::to_string);
        id.unwrap_or("-".to_owned())
    };
    let app = App::new()
        .route("/one", web::get().to(optional))
        .route("/all", web::get().to(all))
        .wrap(CaptureMiddleware::new().consent(by_cookie));
    let app = test::init_service(app).await;
    for uri in ["/one", "/all"] {
        for (cookies, want) in [
            ("refp_id=clk_1; choice=all", "clk_1"),
            ("refp_id=clk_1", "clk_1"),
            ("refp_id=clk_1; choice=none", "-"),
        ] {
            let answer = send(&app, get(uri, &[cookies]).to_request()).await;
            assert_eq!(answer.body, want, "{uri} {cookies}");
        }
    }
}

#[actix_web::test]
async fn a_guard_lets_nobody_through_as_referred_where_consent_is_denied() {
    let page = || {
        web::resource("/page")
            .route(web::get().guard(has_click_id()).to(async || "referred"))
            .route(web::get().guard(no_click_id()).to(async || "organic"))
    };
    let gate = || CaptureMiddleware::new().consent(by_cookie);
    let later =
        || CaptureMiddleware::new().consent_async(|request| std::future::ready(by_cookie(request)));
    let outer_scope = || App::new().service(web::scope("").wrap(gate()).service(page()));
    for (uri, cookies, want) in [
        ("/page", "refp_id=clk_1; choice=all", "referred"),
        ("/page", "refp_id=clk_1; choice=none", "organic"),
        ("/page?refp_id=clk_1", "choice=none", "organic"),
        ("/page?refp_id=clk_1", "theme=dark", "referred"),
    ] {
        let request = || get(uri, &[cookies]);
        for answer in [
            through(App::new().service(page()).wrap(gate()), request()).await,
            through(App::new().service(page()).wrap(later()), request()).await,
            through(outer_scope(), request()).await,
        ] {
            assert_eq!(answer.body, want, "{uri} {cookies}");
        }
    }
}

#[actix_web::test]
async fn a_gate_that_takes_its_time_can_be_built_outside_of_the_worker_closure() {
    fn assert_shareable<T: Clone + Send + Sync + 'static>(_: &T) {}
    assert_shareable(&CaptureMiddleware::new().consent(by_cookie));
    assert_shareable(
        &CaptureMiddleware::new().consent_async(|request| std::future::ready(by_cookie(request))),
    );
}
