//! Our middlewares beside actix's own, in both orders.

use actix_web::{
    App, Error, HttpResponse,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::{
        StatusCode,
        header::{CONTENT_ENCODING, HeaderName, HeaderValue, LOCATION},
    },
    middleware::{
        Compress, Condition, DefaultHeaders, ErrorHandlerResponse, ErrorHandlers, Logger, Next,
        NormalizePath, from_fn,
    },
    test, web,
};
use refport_actix::{CaptureMiddleware, ClickId, ClickIdMiddleware, Consent};

use crate::{Answer, NO_COOKIES, get, optional, send, through};

const MARK: HeaderName = HeaderName::from_static("x-mark");

/// `/found` answers the ID, and everything else 404 with it.
fn routes(app: &mut web::ServiceConfig) {
    let not_found = async |id| HttpResponse::NotFound().body(optional(id).await);
    app.route("/found", web::get().to(optional))
        .default_service(web::to(not_found));
}

fn assert_captured(answer: &Answer, status: StatusCode) {
    assert_eq!(answer.status, status);
    assert_eq!(answer.body, "clk_new");
    assert_stored(answer);
}

/// The new click is written once; the old one may stand by another path, and is expired there.
fn assert_stored(answer: &Answer) {
    let cookies = answer.set_cookies();
    assert_eq!(cookies.last(), Some(&STORED));
    let written = cookies.iter().filter(|cookie| cookie.contains("clk_new"));
    assert_eq!(written.count(), 1, "{cookies:?}");
}

fn landing(path: &str) -> test::TestRequest {
    get(&format!("{path}?refp_id=clk_new"), &["refp_id=clk_old"])
}

#[actix_web::test]
async fn default_headers() {
    let theirs = || DefaultHeaders::new().add((MARK, "1"));
    let app = || App::new().configure(routes);
    let inner = app()
        .wrap(theirs())
        .wrap(CaptureMiddleware::new())
        .wrap(ClickIdMiddleware::new());
    let outer = app()
        .wrap(ClickIdMiddleware::new())
        .wrap(CaptureMiddleware::new())
        .wrap(theirs());
    for answer in [
        through(inner, landing("/found")).await,
        through(outer, landing("/found")).await,
    ] {
        assert_captured(&answer, StatusCode::OK);
        assert_eq!(answer.header(MARK), "1");
    }
}

#[actix_web::test]
async fn normalize_path() {
    let app = || App::new().configure(routes);
    let inner = app()
        .wrap(NormalizePath::trim())
        .wrap(CaptureMiddleware::new())
        .wrap(ClickIdMiddleware::new());
    let outer = app()
        .wrap(ClickIdMiddleware::new())
        .wrap(CaptureMiddleware::new())
        .wrap(NormalizePath::trim());
    for answer in [
        through(inner, landing("//found/")).await,
        through(outer, landing("//found/")).await,
    ] {
        assert_captured(&answer, StatusCode::OK);
    }
}

#[actix_web::test]
async fn normalize_path_outside_gives_the_redirect_its_path() {
    let app = App::new()
        .configure(routes)
        .wrap(CaptureMiddleware::new().clean_url(true))
        .wrap(NormalizePath::trim());
    let request = landing("//found/").insert_header(("accept", "text/html"));
    let answer = through(app, request).await;
    assert_eq!(answer.header(LOCATION), "/found");
}

#[actix_web::test]
async fn condition() {
    for (enabled, id, cookies) in [(true, "clk_new", 1), (false, "-", 0)] {
        let app = App::new()
            .configure(routes)
            .wrap(Condition::new(enabled, CaptureMiddleware::new()))
            .wrap(Condition::new(enabled, ClickIdMiddleware::new()));
        let answer = through(app, get("/found?refp_id=clk_new", NO_COOKIES)).await;
        assert_eq!(answer.body, id);
        assert_eq!(answer.set_cookies().len(), cookies);
    }
}

#[actix_web::test]
async fn error_handlers() {
    fn theirs<B: 'static>() -> ErrorHandlers<B> {
        ErrorHandlers::new().handler(StatusCode::NOT_FOUND, |mut response| {
            let mark = HeaderValue::from_static("1");
            response.response_mut().headers_mut().insert(MARK, mark);
            Ok(ErrorHandlerResponse::Response(
                response.map_into_left_body(),
            ))
        })
    }

    let app = || App::new().configure(routes);
    let inner = app()
        .wrap(theirs())
        .wrap(CaptureMiddleware::new())
        .wrap(ClickIdMiddleware::new());
    let outer = app()
        .wrap(ClickIdMiddleware::new())
        .wrap(CaptureMiddleware::new())
        .wrap(theirs());
    for answer in [
        through(inner, landing("/nowhere")).await,
        through(outer, landing("/nowhere")).await,
    ] {
        assert_captured(&answer, StatusCode::NOT_FOUND);
        assert_eq!(answer.header(MARK), "1");
    }
}

#[actix_web::test]
async fn actixs_errors_of_routing_take_the_cookie_along() {
    let app = App::new()
        .wrap(CaptureMiddleware::new())
        .service(web::resource("/found").route(web::post().to(async || "never")));
    let app = test::init_service(app).await;
    for (path, status) in [
        ("/nowhere", StatusCode::NOT_FOUND),
        ("/found", StatusCode::METHOD_NOT_ALLOWED),
    ] {
        let answer = send(&app, landing(path).to_request()).await;
        assert_eq!(answer.status, status);
        assert_stored(&answer);
    }
}

const SEEN: HeaderName = HeaderName::from_static("x-seen");
const STORED: &str = "refp_id=clk_new; SameSite=Lax; Secure; Path=/; Max-Age=7776000";
const EXPIRED: &str = "refp_id=; SameSite=Lax; Secure; Path=/; Max-Age=0";

/// Says the ID in a header, and enough in the body for it to be compressed.
async fn page(id: Option<ClickId>) -> HttpResponse {
    let id = id.map_or("-".to_owned(), |id| id.to_string());
    HttpResponse::Ok()
        .insert_header((SEEN, id))
        .body("our prices ".repeat(100))
}

/// The gate of a site with a banner, and the cleaning of the URL.
fn gated() -> CaptureMiddleware {
    use refport_actix::ClickIdExt;

    CaptureMiddleware::new().clean_url(true).consent(|request| {
        match request.cookie_value("choice").as_deref() {
            Some("none") => Consent::Denied,
            _ => Consent::Granted,
        }
    })
}

/// What must hold wherever our middlewares stand: the click is captured and seen, read back,
/// withheld, and the URL cleaned.
async fn assert_captures(what: &str, through: impl AsyncFn(test::TestRequest) -> Answer) {
    let id = |answer: &Answer| answer.header(SEEN).to_owned();
    let answer = through(landing("/page")).await;
    assert_eq!(answer.status, StatusCode::OK, "{what}");
    assert_eq!(id(&answer), "clk_new", "{what}");
    assert_stored(&answer);

    let answer = through(get("/page", &["refp_id=clk_old"])).await;
    assert_eq!(id(&answer), "clk_old", "{what}");
    assert_eq!(answer.set_cookies(), [""; 0], "{what}");

    let no = &["choice=none; refp_id=clk_old"];
    let answer = through(get("/page?refp_id=clk_new", no)).await;
    assert_eq!(id(&answer), "-", "{what}");
    assert_eq!(answer.set_cookies()[0], EXPIRED, "{what}");

    let navigation = get("/page?refp_id=clk_new&plan=pro", NO_COOKIES);
    let answer = through(navigation.insert_header(("accept", "text/html"))).await;
    assert_eq!(answer.status, StatusCode::FOUND, "{what}");
    assert_eq!(answer.header(LOCATION), "/page?plan=pro", "{what}");
    assert_stored(&answer);
}

/// `$theirs` inside of ours, between them, and outside.
macro_rules! in_every_place {
    ($theirs:expr) => {{
        let app = || App::new().route("/page", web::get().to(page));
        let reading = ClickIdMiddleware::new;
        let inside = async |request| {
            let app = app().wrap($theirs).wrap(reading()).wrap(gated());
            through(app, request).await
        };
        assert_captures("theirs inside", inside).await;
        let between = async |request| {
            let app = app().wrap(reading()).wrap($theirs).wrap(gated());
            through(app, request).await
        };
        assert_captures("theirs between", between).await;
        let outside = async |request| {
            let app = app().wrap(gated()).wrap(reading()).wrap($theirs);
            through(app, request).await
        };
        assert_captures("theirs outside", outside).await;
    }};
}

#[actix_web::test]
async fn each_of_actixs_own_in_every_place() {
    in_every_place!(Compress::default());
    in_every_place!(Logger::default());
    in_every_place!(NormalizePath::trim());
    in_every_place!(DefaultHeaders::new().add((MARK, "1")));
    in_every_place!(Condition::new(true, DefaultHeaders::new().add((MARK, "1"))));
    in_every_place!(from_fn(passes));
}

async fn passes<B>(request: ServiceRequest, next: Next<B>) -> Result<ServiceResponse<B>, Error>
where
    B: MessageBody + 'static,
{
    next.call(request).await
}

#[actix_web::test]
async fn a_compressed_landing_page_has_the_cookie() {
    let app = || App::new().route("/page", web::get().to(page));
    let inside = test::init_service(app().wrap(Compress::default()).wrap(gated())).await;
    let outside = test::init_service(app().wrap(gated()).wrap(Compress::default())).await;
    let landing = || landing("/page").insert_header(("accept-encoding", "gzip"));
    let inside = test::call_service(&inside, landing().to_request()).await;
    let outside = test::call_service(&outside, landing().to_request()).await;
    for headers in [inside.headers(), outside.headers()] {
        assert_eq!(headers.get(CONTENT_ENCODING).unwrap(), "gzip");
        assert_eq!(headers.get(SEEN).unwrap(), "clk_new");
        assert_eq!(headers.get_all("set-cookie").last().unwrap(), STORED);
    }
}

#[actix_web::test]
async fn a_function_as_middleware_may_put_the_answer_into_the_handlers_place() {
    async fn closed<B>(_: ServiceRequest, _: Next<B>) -> Result<ServiceResponse<B>, Error> {
        Err(actix_web::error::ErrorServiceUnavailable("closed"))
    }

    async fn closing<B>(request: ServiceRequest, _: Next<B>) -> Result<ServiceResponse, Error> {
        Ok(request.into_response(HttpResponse::ServiceUnavailable()))
    }

    let app = || App::new().configure(routes);
    let answering = app().wrap(from_fn(closing)).wrap(CaptureMiddleware::new());
    let answer = through(answering, landing("/found")).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_stored(&answer);

    // actix makes an answer of an error later, and the cookie waits for it.
    let failing = app().wrap(from_fn(closed)).wrap(CaptureMiddleware::new());
    let failing = test::init_service(failing).await;
    let request = landing("/found").to_request();
    let error = actix_web::dev::Service::call(&failing, request).await;
    let answer = error.map(drop).unwrap_err().error_response();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    let cookies = answer.headers().get_all("set-cookie");
    assert_eq!(cookies.last().unwrap(), STORED);
}
