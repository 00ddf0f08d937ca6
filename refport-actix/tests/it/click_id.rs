use std::task::{Context, Poll};

use actix_web::{
    App, HttpMessage, HttpRequest,
    dev::{Service, ServiceRequest, Transform, fn_service},
    test::{self, TestRequest},
    web,
};
use refport_actix::{
    ClickIdMiddleware, CookieName,
    refport_core::{self, ClickId, ClickIds},
};

use crate::{NO_COOKIES, echo, get, send, through, withhold};

async fn seen(cookies: &[&str]) -> String {
    through(echo().wrap(ClickIdMiddleware::new()), get("/", cookies))
        .await
        .body
}

fn partli() -> ClickIdMiddleware {
    ClickIdMiddleware::new().cookie_name(CookieName::PARTLI)
}

#[actix_web::test]
async fn the_cookie_becomes_an_extension() {
    assert_eq!(seen(&["refp_id=clk_1"]).await, "clk_1|-");
    assert_eq!(seen(&["a=1; refp_id=clk%5F1"]).await, "clk_1|-");
    assert_eq!(seen(&["a=1", "refp_id=clk_1"]).await, "clk_1|-");
    for organic in [
        NO_COOKIES,
        &["a=1"],
        &["refp_id="],
        &["refp_id=a b"],
        &["pref_cid=c_1"],
    ] {
        assert_eq!(seen(organic).await, "-|-", "{organic:?}");
    }
}

#[actix_web::test]
async fn actixs_own_extractor_finds_the_cores_type() {
    let handler = async |id: web::ReqData<refport_core::ClickId>| id.to_string();
    let app = App::new()
        .wrap(ClickIdMiddleware::new())
        .route("/", web::get().to(handler));
    let answer = through(app, get("/", &["refp_id=clk_1"])).await;
    assert_eq!(answer.body, "clk_1");
}

#[actix_web::test]
async fn an_organic_request_gets_no_extension_at_all() {
    let handler = async |request: HttpRequest| {
        let extensions = request.extensions();
        (extensions.contains::<ClickId>() || extensions.contains::<ClickIds>()).to_string()
    };
    let app = App::new()
        .wrap(ClickIdMiddleware::new())
        .wrap(partli())
        .default_service(web::to(handler));
    let app = test::init_service(app).await;
    let organic = get("/", &["a=1; b=2"]).to_request();
    assert_eq!(send(&app, organic).await.body, "false");
    let referred = get("/", &["pref_cid=c_1"]).to_request();
    assert_eq!(send(&app, referred).await.body, "true");
}

#[actix_web::test]
async fn an_id_that_is_there_stays() {
    let app = test::init_service(echo().wrap(ClickIdMiddleware::new()).wrap(partli())).await;
    let request = get("/", &["refp_id=clk_cookie; pref_cid=c_cookie"]).to_request();
    let mut ids = ClickIds::default();
    ids.insert(CookieName::PARTLI, "c_newer".parse().unwrap());
    request.extensions_mut().insert(ids);
    request
        .extensions_mut()
        .insert("clk_newer".parse::<ClickId>().unwrap());
    assert_eq!(send(&app, request).await.body, "clk_newer|c_newer");
}

#[actix_web::test]
async fn two_names_never_see_each_others_id() {
    for (cookies, want) in [
        (&["refp_id=one; pref_cid=two"], "one|two"),
        (&["pref_cid=two"], "-|two"),
        (&["refp_id=one"], "one|-"),
    ] {
        let outer_partli = echo().wrap(ClickIdMiddleware::new()).wrap(partli());
        assert_eq!(through(outer_partli, get("/", cookies)).await.body, want);
        let inner_partli = echo().wrap(partli()).wrap(ClickIdMiddleware::new());
        assert_eq!(through(inner_partli, get("/", cookies)).await.body, want);
    }
}

#[actix_web::test]
async fn another_name_for_the_default_program_gives_a_plain_id() {
    let name = CookieName::new("acme_ref").unwrap().for_default_program();
    let app = echo().wrap(ClickIdMiddleware::new().cookie_name(name));
    let request = get("/", &["acme_ref=clk_1; refp_id=clk_2"]);
    assert_eq!(through(app, request).await.body, "clk_1|-");
}

#[actix_web::test]
async fn a_withheld_id_is_not_read() {
    let app = test::init_service(echo().wrap(ClickIdMiddleware::new()).wrap(partli())).await;
    for (name, want) in [
        (CookieName::REFPORT, "-|two"),
        (CookieName::PARTLI, "one|-"),
    ] {
        let request = get("/", &["refp_id=one; pref_cid=two"]).to_request();
        withhold(&request, name);
        assert_eq!(send(&app, request).await.body, want);
    }
}

#[test]
fn it_can_be_built_outside_of_the_worker_closure() {
    fn assert_shareable<T: Clone + Send + Sync + 'static>(_: &T) {}
    assert_shareable(&ClickIdMiddleware::new());
    assert_shareable(&partli());
}

/// Any response and error will do, and the future is the inner service's own.
#[actix_web::test]
async fn it_asks_nothing_of_the_service_inside() {
    type Answer = std::future::Ready<Result<&'static str, &'static str>>;

    fn assert_own_future<S: Service<ServiceRequest, Future = Answer>>(_: &S) {}

    let inner = fn_service(|_: ServiceRequest| -> Answer { std::future::ready(Ok("no response")) });
    let inner = actix_service::ServiceFactory::new_service(&inner, ());
    let service = ClickIdMiddleware::new()
        .new_transform(inner.await.unwrap())
        .await
        .unwrap();
    assert_own_future(&service);
    let answer = service.call(TestRequest::default().to_srv_request()).await;
    assert_eq!(answer, Ok("no response"));
}

#[actix_web::test]
async fn readiness_is_the_inner_services() {
    struct Busy;

    impl Service<ServiceRequest> for Busy {
        type Response = ();
        type Error = ();
        type Future = std::future::Ready<Result<(), ()>>;

        fn poll_ready(&self, _: &mut Context<'_>) -> Poll<Result<(), ()>> {
            Poll::Pending
        }

        fn call(&self, _: ServiceRequest) -> Self::Future {
            unreachable!("it is never ready")
        }
    }

    let service = ClickIdMiddleware::new().new_transform(Busy).await.unwrap();
    let mut context = Context::from_waker(std::task::Waker::noop());
    assert!(service.poll_ready(&mut context).is_pending());
}
