//! Handlers over the test kit: no port, no network.

use std::time::Duration;

use actix_web::{App, test::TestRequest, web};
use refport_actix::{ClickId, ClickIdMiddleware, ClickIds, CookieName, Sale, Track};
use refport_core::{
    destination::FanOut,
    test_util::{Answer, Recorder},
};

use crate::through;

async fn checkout(click_id: Option<ClickId>, track: Track) -> String {
    let Some(click_id) = click_id else {
        return "organic".to_owned();
    };
    let sale = Sale::new(click_id, "user_001", 4900).invoice_id("inv_001");
    let outcome = track.sale(sale).await;
    outcome.map_or_else(|error| error.to_string(), |_| "reported".to_owned())
}

/// What the shop says to one order.
async fn buy(recorder: &Recorder, cookie: &str) -> String {
    let app = App::new()
        .app_data(web::Data::new(recorder.refport()))
        .route("/checkout", web::post().to(checkout));
    let order = TestRequest::post()
        .uri("/checkout")
        .insert_header(("cookie", cookie));
    through(app, order).await.body
}

#[actix_web::test]
async fn a_busy_service_counts_the_sale_once() {
    let recorder = Recorder::new();
    assert_eq!(buy(&recorder, "other=1").await, "organic");
    recorder.assert_nothing_sent();

    recorder.answer_in_order([
        Answer::rate_limited(Duration::from_millis(1)),
        Answer::cut_body(),
    ]);
    assert_eq!(buy(&recorder, "refp_id=clk_1").await, "reported");
    recorder.assert_one_sale("inv_001");
    assert_eq!(recorder.sent().len(), 3);
}

#[actix_web::test]
async fn a_dead_service_leaves_the_order_standing() {
    let recorder = Recorder::new();
    recorder.answer_always(Answer::refused());
    let answer = buy(&recorder, "refp_id=clk_1").await;
    assert_eq!(answer, "cannot connect to the service");
    assert!(recorder.sales().is_empty());
}

/// Reports to every program, and says which have taken it.
async fn fan_out(clicks: ClickIds, programs: web::Data<FanOut>) -> String {
    let sale = Sale::without_click("user_001", 4900).invoice_id("inv_001");
    let reports = programs.report_sale(sale, &clicks).await.into_iter();
    let names = reports.filter(|report| report.outcome.is_ok());
    let names = names.map(|report| report.destination);
    names.collect::<Vec<_>>().join(", ")
}

#[actix_web::test]
async fn each_program_gets_its_own_click() {
    let (refport, partli) = (Recorder::new(), Recorder::new());
    let programs = FanOut::new().to(refport.refport()).to(partli.partli());
    let app = App::new()
        .app_data(web::Data::new(programs))
        .route("/checkout", web::post().to(fan_out))
        .wrap(ClickIdMiddleware::new().cookie_name(CookieName::PARTLI));
    let order = TestRequest::post()
        .uri("/checkout")
        .insert_header(("cookie", "pref_cid=c_1; refp_id=clk_1"));
    let answer = through(app, order).await;
    assert_eq!(answer.body, "refport, partli");
    assert_eq!(refport.sent()[0].body()["clickId"], "clk_1");
    assert_eq!(partli.sent()[0].body()["clickId"], "c_1");
}
