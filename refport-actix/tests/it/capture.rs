use std::time::Duration;

use actix_service::{IntoServiceFactory, Service, ServiceFactory};
use actix_web::{
    App, Error, HttpResponse,
    dev::{AppConfig, ServiceResponse},
    error::ErrorUnauthorized,
    http::{
        StatusCode,
        header::{CACHE_CONTROL, LOCATION, SET_COOKIE},
    },
    test::{self, TestRequest},
    web,
};
use refport_actix::{Capture, CaptureMiddleware, ClickIdMiddleware, CookieName, SameSite};

use crate::{Answer, NO_COOKIES, echo, get, send, through, withhold};

const COOKIE: &str = "refp_id=clk_new; SameSite=Lax; Secure; Path=/; Max-Age=7776000";

fn landing() -> TestRequest {
    get("/?refp_id=clk_new", NO_COOKIES)
}

#[actix_web::test]
async fn the_landing_request_gets_the_cookie_and_sees_the_id() {
    let app = echo().wrap(CaptureMiddleware::new());
    let answer = through(app, get("/?a=1&refp_id=clk_new", NO_COOKIES)).await;
    assert_eq!(answer.set_cookies(), [COOKIE]);
    assert_eq!(answer.body, "clk_new|-");
}

#[actix_web::test]
async fn nothing_happens_without_a_valid_id_on_the_url() {
    let app = test::init_service(echo().wrap(CaptureMiddleware::new())).await;
    for uri in ["/", "/?", "/?a=1", "/?refp_id=", "/?refp_id=%7Bid%7D"] {
        let answer = send(&app, get(uri, &["refp_id=clk_old"]).to_request()).await;
        assert_eq!(answer.set_cookies(), [""; 0], "{uri}");
        assert_eq!(answer.body, "-|-");
    }
    let post = TestRequest::post().uri("/?refp_id=clk_new").to_request();
    assert_eq!(send(&app, post).await.set_cookies(), [""; 0]);
}

#[actix_web::test]
async fn the_new_click_replaces_the_cookies_in_either_order() {
    let request = || get("/?refp_id=clk_new", &["refp_id=clk_old"]);
    let inner_capture = echo()
        .wrap(CaptureMiddleware::new())
        .wrap(ClickIdMiddleware::new());
    assert_eq!(through(inner_capture, request()).await.body, "clk_new|-");
    let outer_capture = echo()
        .wrap(ClickIdMiddleware::new())
        .wrap(CaptureMiddleware::new());
    assert_eq!(through(outer_capture, request()).await.body, "clk_new|-");
}

#[actix_web::test]
async fn the_first_click_wins_on_request() {
    let capture = || CaptureMiddleware::from(Capture::new().first_click_wins(true));
    let inner = || echo().wrap(capture()).wrap(ClickIdMiddleware::new());
    let outer = || echo().wrap(ClickIdMiddleware::new()).wrap(capture());
    for (cookie, cookies_set, seen) in
        [("refp_id=clk_old", 0, "clk_old|-"), ("a=1", 1, "clk_new|-")]
    {
        let request = || get("/?refp_id=clk_new", &[cookie]);
        for answer in [
            through(inner(), request()).await,
            through(outer(), request()).await,
        ] {
            assert_eq!(answer.set_cookies().len(), cookies_set, "{cookie}");
            assert_eq!(answer.body, seen, "{cookie}");
        }
    }
}

#[actix_web::test]
async fn settings_reach_the_cookie() {
    let rules = Capture::new()
        .param("via")
        .max_age(Duration::from_secs(60))
        .cookie_name(CookieName::PARTLI)
        .and_then(|rules| rules.domain("example.com")?.secure(true))
        .unwrap();
    let request = get("/?via=c_1&refp_id=clk_new", NO_COOKIES);
    let answer = through(echo().wrap(CaptureMiddleware::from(rules)), request).await;
    let want = "pref_cid=c_1; SameSite=Lax; Secure; Path=/; Domain=example.com; Max-Age=60";
    assert_eq!(answer.set_cookies(), [want]);
    assert_eq!(answer.body, "-|c_1");
}

#[actix_web::test]
async fn more_settings_reach_the_cookie() {
    let rules = Capture::new()
        .same_site(SameSite::Strict)
        .overwrite_after(Duration::from_secs(60))
        .trust_forwarded_proto(true)
        .path("/shop")
        .and_then(|rules| rules.http_only(true))
        .unwrap();
    let app = test::init_service(echo().wrap(CaptureMiddleware::from(rules))).await;
    let request = landing().insert_header(("x-forwarded-proto", "https"));
    let answer = send(&app, request.to_request()).await;
    let attributes = "HttpOnly; SameSite=Strict; Secure; Path=/shop";
    assert_eq!(
        answer.set_cookies(),
        [
            format!("refp_id=clk_new; {attributes}; Max-Age=7776000"),
            format!("refp_id_hold=clk_new; {attributes}; Max-Age=60"),
        ]
    );
    let held = &["refp_id=clk_new; refp_id_hold=clk_new"];
    let answer = send(&app, get("/?refp_id=clk_other", held).to_request()).await;
    assert_eq!(answer.set_cookies(), [""; 0]);
    let over = &["refp_id=clk_new"];
    let answer = send(&app, get("/?refp_id=clk_other", over).to_request()).await;
    assert_eq!(
        answer.set_cookies().len(),
        3,
        "the browser dropped the hold, and a twin goes"
    );
}

#[actix_web::test]
async fn a_proxys_word_counts_only_where_it_is_trusted() {
    for (trust, secure) in [(false, true), (true, false)] {
        let rules = Capture::new().trust_forwarded_proto(trust);
        let app = test::init_service(echo().wrap(CaptureMiddleware::from(rules))).await;
        let request = landing().insert_header(("x-forwarded-proto", "http"));
        let answer = send(&app, request.to_request()).await;
        assert_eq!(answer.set_cookies()[0].contains("; Secure"), secure);
    }
}

#[actix_web::test]
async fn ready_made_rules_are_taken_as_they_are() {
    let rules = Capture::new().max_age(Duration::from_secs(60));
    let answer = through(echo().wrap(CaptureMiddleware::from(rules)), landing()).await;
    assert!(answer.set_cookies()[0].ends_with("Max-Age=60"));
}

#[actix_web::test]
async fn the_cookie_is_secure_but_on_the_machine_itself() {
    let app = test::init_service(echo().wrap(CaptureMiddleware::new())).await;
    for (uri, secure) in [
        ("http://shop.example/?refp_id=clk_new", true),
        ("http://localhost:3000/?refp_id=clk_new", false),
        ("http://127.0.0.1/?refp_id=clk_new", false),
        ("https://localhost/?refp_id=clk_new", true),
    ] {
        let answer = send(&app, get(uri, NO_COOKIES).to_request()).await;
        let cookie = answer.set_cookies()[0];
        assert_eq!(cookie.contains("; Secure"), secure, "{uri}: {cookie}");
    }
    let named = landing().insert_header(("host", "localhost:3000"));
    let answer = send(&app, named.to_request()).await;
    assert!(!answer.set_cookies()[0].contains("; Secure"));
}

#[actix_web::test]
async fn a_server_that_ends_tls_makes_the_cookie_secure() {
    let local = || landing().insert_header(("host", "localhost")).to_request();
    let app = init_secure(echo().wrap(CaptureMiddleware::new())).await;
    assert_eq!(send(&app, local()).await.set_cookies(), [COOKIE]);
    let rules = Capture::new().secure(false).unwrap();
    let app = init_secure(echo().wrap(CaptureMiddleware::from(rules))).await;
    let answer = send(&app, local()).await;
    assert!(!answer.set_cookies()[0].contains("; Secure"));
}

/// `test::init_service` as on a listener with TLS.
async fn init_secure<A, F, R, B>(
    app: A,
) -> impl Service<R, Response = ServiceResponse<B>, Error = Error>
where
    A: IntoServiceFactory<F, R>,
    F: ServiceFactory<R, Config = AppConfig, Response = ServiceResponse<B>, Error = Error>,
    F::InitError: std::fmt::Debug,
{
    let address = "127.0.0.1:443".parse().unwrap();
    let config = AppConfig::__priv_test_new(true, "shop.example".to_owned(), address);
    app.into_factory().new_service(config).await.unwrap()
}

#[actix_web::test]
async fn a_navigation_is_redirected_to_the_clean_url_without_calling_the_handler() {
    let app = test::init_service(echo().wrap(CaptureMiddleware::new().clean_url(true))).await;
    let navigate = |uri: &str| {
        get(uri, NO_COOKIES)
            .insert_header(("sec-fetch-mode", "navigate"))
            .insert_header(("sec-fetch-dest", "document"))
            .to_request()
    };
    let answer = send(&app, navigate("/a%20b?x=%7e&refp_id=clk_new&y")).await;
    assert_eq!(answer.status, StatusCode::FOUND);
    assert_eq!(answer.header(LOCATION), "/a%20b?x=%7e&y");
    assert_eq!(answer.header(CACHE_CONTROL), "no-store");
    assert_eq!(answer.set_cookies(), [COOKIE]);
    assert_eq!(answer.body, "", "the handler was not called");

    let by_accept = landing().insert_header(("accept", "text/html,*/*"));
    let answer = send(&app, by_accept.to_request()).await;
    assert_eq!(answer.header(LOCATION), "/");

    for (name, value) in [("sec-fetch-mode", "cors"), ("sec-fetch-dest", "iframe")] {
        let script = landing().insert_header(("accept", "text/html"));
        let answer = send(&app, script.insert_header((name, value)).to_request()).await;
        assert_eq!(answer.status, StatusCode::OK, "{value} is no navigation");
        assert_eq!(answer.set_cookies(), [""; 0], "{value} is no click");
    }
    let fetched = send(&app, landing().to_request()).await;
    assert_eq!(fetched.status, StatusCode::OK);
    assert_eq!(fetched.body, "clk_new|-");
    assert_eq!(fetched.set_cookies(), [COOKIE]);

    let elsewhere = send(&app, navigate("//evil.example/?refp_id=clk_new")).await;
    assert_eq!(
        elsewhere.status,
        StatusCode::OK,
        "no redirect to another host"
    );
}

#[actix_web::test]
async fn inside_of_a_scope_the_redirect_keeps_the_whole_path() {
    let shop = web::scope("/shop")
        .wrap(CaptureMiddleware::new().clean_url(true))
        .route("/cart", web::get().to(async || "never"));
    let request =
        get("/shop/cart?refp_id=clk_new", NO_COOKIES).insert_header(("accept", "text/html"));
    let answer = through(App::new().service(shop), request).await;
    assert_eq!(answer.header(LOCATION), "/shop/cart");
}

#[actix_web::test]
async fn with_the_first_click_kept_the_redirect_writes_no_cookie() {
    let rules = Capture::new().clean_url(true).first_click_wins(true);
    let capture = CaptureMiddleware::from(rules);
    let request = get("/?refp_id=clk_new", &["refp_id=clk_old"]);
    let answer = through(
        echo().wrap(capture),
        request.insert_header(("accept", "text/html")),
    )
    .await;
    assert_eq!(answer.header(LOCATION), "/");
    assert_eq!(answer.set_cookies(), [""; 0]);
}

#[actix_web::test]
async fn a_handlers_own_cookies_stay() {
    let handler = async || {
        HttpResponse::Ok()
            .append_header((SET_COOKIE, "session=1"))
            .append_header((SET_COOKIE, "theme=dark"))
            .finish()
    };
    let app = App::new()
        .wrap(CaptureMiddleware::new())
        .route("/", web::get().to(handler));
    let answer = through(app, landing()).await;
    assert_eq!(answer.set_cookies(), ["session=1", "theme=dark", COOKIE]);
}

/// An application that answers with these headers.
async fn answering(
    headers: &'static [(&'static str, &'static str)],
    capture: CaptureMiddleware,
    request: TestRequest,
) -> Answer {
    let handler = move || {
        let mut response = HttpResponse::Ok();
        for header in headers {
            response.append_header(*header);
        }
        std::future::ready(response.finish())
    };
    let app = App::new().wrap(capture).route("/", web::get().to(handler));
    through(app, request).await
}

#[actix_web::test]
async fn the_cookie_is_written_once() {
    let answer = answering(
        &[
            ("set-cookie", "refp_id=; Path=/; Max-Age=0"),
            ("set-cookie", "session=1; Path=/"),
            ("set-cookie", "refp_id=clk_shop; Path=/shop"),
        ],
        CaptureMiddleware::new(),
        landing(),
    )
    .await;
    assert_eq!(
        answer.set_cookies(),
        ["session=1; Path=/", "refp_id=clk_shop; Path=/shop", COOKIE]
    );
}

#[actix_web::test]
async fn an_answer_with_the_cookie_is_not_for_shared_caches() {
    const CACHED: &[(&str, &str)] = &[
        ("cache-control", "public, max-age=600"),
        ("cdn-cache-control", "max-age=86400"),
        ("cloudflare-cdn-cache-control", "max-age=86400"),
        ("vercel-cdn-cache-control", "max-age=86400"),
        ("surrogate-control", "max-age=86400"),
        ("edge-control", "max-age=86400"),
        ("x-accel-expires", "86400"),
    ];
    let answer = answering(CACHED, CaptureMiddleware::new(), landing()).await;
    assert_eq!(answer.header(CACHE_CONTROL), "max-age=600, private");
    for (name, _) in &CACHED[1..] {
        assert!(!answer.headers.contains_key(*name), "{name}");
    }

    let answer = answering(&[], CaptureMiddleware::new(), landing()).await;
    assert_eq!(answer.header(CACHE_CONTROL), "private");

    for request in [
        get("/", NO_COOKIES),
        get("/?refp_id=clk_new", &["refp_id=clk_old"]),
    ] {
        let capture = CaptureMiddleware::from(Capture::new().first_click_wins(true));
        let answer = answering(CACHED, capture, request).await;
        for (name, said) in CACHED {
            assert_eq!(answer.headers.get(*name).unwrap(), said, "{name}");
        }
    }
}

#[actix_web::test]
async fn several_cache_controls_become_one() {
    const SAID: &[(&str, &str)] = &[
        ("cache-control", "max-age=1"),
        ("cache-control", "s-maxage=2, immutable"),
    ];
    let answer = answering(SAID, CaptureMiddleware::new(), landing()).await;
    let said: Vec<_> = answer.headers.get_all(CACHE_CONTROL).collect();
    assert_eq!(said, ["max-age=1, immutable, private"]);
}

#[actix_web::test]
async fn a_landing_page_is_not_loaded_ahead_and_others_are() {
    let app = test::init_service(echo().wrap(CaptureMiddleware::new())).await;
    for header in [
        ("sec-purpose", "prefetch"),
        ("sec-purpose", "prefetch;prerender"),
        ("purpose", "prefetch"),
        ("x-moz", "prefetch"),
    ] {
        let answer = send(&app, landing().insert_header(header).to_request()).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{header:?}");
        assert_eq!(answer.header(CACHE_CONTROL), "no-store", "{header:?}");
        assert_eq!(answer.set_cookies(), [""; 0], "{header:?}");
        assert_eq!(answer.body, "", "the handler was not called");
        let organic = get("/?plan=pro", NO_COOKIES).insert_header(header);
        let answer = send(&app, organic.to_request()).await;
        assert_eq!(answer.status, StatusCode::OK, "{header:?}");
    }
}

#[actix_web::test]
async fn what_a_page_loads_is_no_click() {
    let app = echo()
        .wrap(CaptureMiddleware::new())
        .wrap(ClickIdMiddleware::new());
    let app = test::init_service(app).await;
    for (mode, dest) in [
        ("no-cors", "image"),
        ("no-cors", "script"),
        ("cors", "empty"),
        ("navigate", "iframe"),
    ] {
        let request = get("/?refp_id=clk_evil", &["refp_id=clk_honest"])
            .insert_header(("sec-fetch-mode", mode))
            .insert_header(("sec-fetch-dest", dest));
        let answer = send(&app, request.to_request()).await;
        assert_eq!(answer.set_cookies(), [""; 0], "{mode} {dest}");
        assert_eq!(answer.body, "clk_honest|-", "{mode} {dest}");
    }
}

#[actix_web::test]
async fn twins_go_with_a_landing() {
    let rules = Capture::new().domain("shop.example").unwrap();
    let landing = get("/?refp_id=clk_new", &["refp_id=clk_js; refp_id=clk_old"]);
    let answer = through(echo().wrap(CaptureMiddleware::from(rules)), landing).await;
    assert_eq!(
        answer.set_cookies(),
        [
            "refp_id=; SameSite=Lax; Secure; Path=/; Max-Age=0",
            "refp_id=clk_new; SameSite=Lax; Secure; Path=/; Domain=shop.example; Max-Age=7776000",
        ]
    );
}

#[actix_web::test]
async fn a_withheld_id_is_not_captured() {
    let partli = Capture::new().cookie_name(CookieName::PARTLI).unwrap();
    let partli = CaptureMiddleware::from(partli);
    let app = test::init_service(echo().wrap(CaptureMiddleware::new()).wrap(partli)).await;
    let request = landing().to_request();
    withhold(&request, CookieName::REFPORT);
    let answer = send(&app, request).await;
    assert_eq!(answer.set_cookies().len(), 1);
    assert!(answer.set_cookies()[0].starts_with("pref_cid="));
    assert_eq!(answer.body, "-|clk_new", "the other program's is");
}

#[actix_web::test]
async fn two_names_are_captured_apart() {
    let refport = CaptureMiddleware::new();
    let partli = Capture::new()
        .param("via")
        .cookie_name(CookieName::PARTLI)
        .unwrap();
    let partli = CaptureMiddleware::from(partli);
    let app = test::init_service(echo().wrap(refport).wrap(partli)).await;
    for (uri, want, cookies) in [
        ("/?refp_id=one&via=two", "one|two", 2),
        ("/?refp_id=one", "one|-", 1),
        ("/?via=two", "-|two", 1),
    ] {
        let answer = send(&app, get(uri, NO_COOKIES).to_request()).await;
        assert_eq!(answer.body, want);
        assert_eq!(answer.set_cookies().len(), cookies, "{uri}");
    }
}

#[actix_web::test]
async fn a_handlers_error_takes_the_cookie_along() {
    let handler = async || Err::<String, _>(ErrorUnauthorized("sign in first"));
    let app = App::new()
        .wrap(CaptureMiddleware::new())
        .route("/", web::get().to(handler));
    let answer = through(app, landing()).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(answer.set_cookies(), [COOKIE]);
}

#[actix_web::test]
async fn an_error_of_a_middleware_inside_takes_the_cookie_along() {
    let app = echo()
        .wrap_fn(|request, next| {
            let called = next.call(request);
            async move {
                called.await?;
                Err::<ServiceResponse, _>(ErrorUnauthorized("sign in first"))
            }
        })
        .wrap(CaptureMiddleware::new());
    let app = test::init_service(app).await;
    let result = app.call(landing().to_request()).await;
    let error = result.unwrap_err();
    assert_eq!(error.to_string(), "sign in first");
    let response = error.error_response();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(response.headers().get(SET_COOKIE).unwrap(), COOKIE);
    assert_eq!(response.headers().get(CACHE_CONTROL).unwrap(), "private");

    let organic = app.call(get("/", NO_COOKIES).to_request()).await;
    let response = organic.unwrap_err().error_response();
    assert!(!response.headers().contains_key(SET_COOKIE));
    assert!(!response.headers().contains_key(CACHE_CONTROL));
}

#[test]
fn it_can_be_built_outside_of_the_worker_closure() {
    fn assert_shareable<T: Clone + Send + Sync + 'static>(_: &T) {}
    assert_shareable(&CaptureMiddleware::new());
}
