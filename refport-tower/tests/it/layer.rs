use http::{Request, Response};
use refport_core::{ClickId, ClickIds, CookieName};
use refport_tower::ClickIdLayer;
use tower::{Layer, ServiceBuilder, layer::util::Stack};

use crate::{echo, get, through, withheld};

async fn seen(cookies: &[&str]) -> String {
    through(ClickIdLayer::new(), get("/", cookies))
        .await
        .into_body()
}

#[tokio::test]
async fn the_cookie_becomes_an_extension() {
    assert_eq!(seen(&["refp_id=clk_1"]).await, "clk_1|-");
    assert_eq!(seen(&["a=1; refp_id=clk%5F1"]).await, "clk_1|-");
    assert_eq!(seen(&["a=1", "refp_id=clk_1"]).await, "clk_1|-");
    for organic in [
        &[][..],
        &["a=1"],
        &["refp_id="],
        &["refp_id=a b"],
        &["pref_cid=c_1"],
    ] {
        assert_eq!(seen(organic).await, "-|-", "{organic:?}");
    }
}

#[tokio::test]
async fn an_organic_request_gets_no_extension_at_all() {
    let service = ClickIdLayer::new().layer(tower::service_fn(async |request: Request<()>| {
        Ok::<_, std::convert::Infallible>(Response::new(request.extensions().is_empty()))
    }));
    let response = tower::ServiceExt::oneshot(service, get("/", &["a=1; b=2"]))
        .await
        .unwrap();
    assert!(response.into_body());
}

#[tokio::test]
async fn an_id_that_is_there_stays() {
    let mut request = get("/", &["refp_id=clk_cookie"]);
    request
        .extensions_mut()
        .insert("clk_newer".parse::<ClickId>().unwrap());
    assert_eq!(
        through(ClickIdLayer::new(), request).await.into_body(),
        "clk_newer|-"
    );
}

#[tokio::test]
async fn two_names_never_see_each_others_id() {
    let refport = ClickIdLayer::new;
    let partli = || ClickIdLayer::new().cookie_name(CookieName::PARTLI);
    for (cookies, want) in [
        (&["refp_id=one; pref_cid=two"][..], "one|two"),
        (&["pref_cid=two"], "-|two"),
        (&["refp_id=one"], "one|-"),
    ] {
        let outer_first = Stack::new(partli(), refport());
        assert_eq!(
            through(outer_first, get("/", cookies)).await.into_body(),
            want
        );
        let inner_first = Stack::new(refport(), partli());
        assert_eq!(
            through(inner_first, get("/", cookies)).await.into_body(),
            want
        );
    }
}

#[tokio::test]
async fn another_name_for_the_default_program_gives_a_plain_id() {
    let name = CookieName::new("acme_ref").unwrap().for_default_program();
    let layer = ClickIdLayer::new().cookie_name(name);
    let request = get("/", &["acme_ref=clk_1; refp_id=clk_2"]);
    assert_eq!(through(layer, request).await.into_body(), "clk_1|-");
}

#[tokio::test]
async fn a_withheld_id_is_not_read() {
    let cookies = &["refp_id=one; pref_cid=two"];
    let layers = || {
        Stack::new(
            ClickIdLayer::new(),
            ClickIdLayer::new().cookie_name(CookieName::PARTLI),
        )
    };
    let request = withheld(get("/", cookies), CookieName::REFPORT);
    assert_eq!(through(layers(), request).await.into_body(), "-|two");
    let request = withheld(get("/", cookies), CookieName::PARTLI);
    assert_eq!(through(layers(), request).await.into_body(), "one|-");
}

#[test]
fn find_click_id_works_without_a_layer() {
    let found = |request: Request<()>| {
        refport_tower::find_click_id(&request.into_parts().0).map(String::from)
    };
    assert_eq!(
        found(get("/", &["refp_id=clk_1"])).as_deref(),
        Some("clk_1")
    );
    assert_eq!(found(get("/", &[])), None);
    assert_eq!(
        found(withheld(get("/", &["refp_id=clk_1"]), CookieName::REFPORT)),
        None
    );
    let mut layered = get("/", &["refp_id=clk_1"]);
    layered
        .extensions_mut()
        .insert("clk_layer".parse::<ClickId>().unwrap());
    layered.extensions_mut().insert(ClickIds::default());
    assert_eq!(found(layered).as_deref(), Some("clk_layer"));
}

#[test]
fn layers_are_light_to_share_even_around_bodies_that_are_not() {
    fn assert_shareable<T: Clone + Send + Sync + 'static>(_: &T) {}
    assert_shareable(&ClickIdLayer::new());
    assert_shareable(&ClickIdLayer::new().layer(echo()));
    type NotSync = Request<std::cell::Cell<u8>>;
    fn assert_serves<S: tower::Service<NotSync>>(_: &S) {}
    let inner =
        tower::service_fn(async |_: NotSync| Ok::<_, std::convert::Infallible>("any response"));
    assert_serves(
        &ServiceBuilder::new()
            .layer(ClickIdLayer::new())
            .service(inner),
    );
}

#[tokio::test]
async fn readiness_is_the_inner_services() {
    let (mut service, mut handle) =
        tower_test::mock::spawn_layer::<Request<()>, Response<()>, _>(ClickIdLayer::new());
    handle.allow(0);
    assert!(service.poll_ready().is_pending());
    handle.allow(1);
    assert!(service.poll_ready().is_ready());
}
