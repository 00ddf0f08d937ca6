//! A client that is off: a shop without a key runs, and reports nothing.

use refport_core::{
    ClickId, EmbedTokenRequest, Error, Lead, Partli, Refport, Sale, Track,
    destination::{Destination, Patience, Program},
    track::{Acknowledged, NothingToReport, OrWarn, Outcome},
};

fn click() -> ClickId {
    "clk_1".parse().unwrap()
}

fn sale() -> Sale {
    Sale::new(click(), "user_001", 4900).invoice_id("inv_001")
}

#[tokio::test]
async fn reports_go_nowhere_and_are_no_errors() {
    let (refport, partli) = (Refport::disabled(), Partli::disabled());
    let off = NothingToReport::Disabled;
    let outcome = refport.track.sale(sale()).await.unwrap();
    assert_eq!(outcome, Outcome::NothingToReport(off));
    let lead = Lead::new(click(), "Sign Up", "user_001");
    let outcome = refport.track.lead(lead).await.unwrap();
    assert_eq!(outcome, Outcome::NothingToReport(off));
    let outcome = partli.track.sale(sale()).await.unwrap();
    assert_eq!(outcome, Outcome::NothingToReport(off));

    let reported = Track::from(refport).sale(sale()).await.or_warn();
    assert_eq!(reported, Some(Outcome::NothingToReport(off)));
    assert!(!reported.is_acknowledged(), "the cookie stays");
}

/// So that a mistake is seen in development, too.
#[tokio::test]
async fn what_is_wrong_is_wrong_all_the_same() {
    let refport = Refport::disabled();
    let negative = Sale::new(click(), "user_001", -1);
    let error = refport.track.sale(negative).await.unwrap_err();
    assert!(matches!(error, Error::Invalid(_)), "{error:?}");
    let free = Sale::new(click(), "user_001", 0);
    let outcome = refport.track.sale(free).await.unwrap();
    assert_eq!(
        outcome,
        Outcome::NothingToReport(NothingToReport::ZeroAmount)
    );
}

/// There is no token to give.
#[tokio::test]
async fn an_embed_token_is_an_error_that_says_why() {
    let request = EmbedTokenRequest::tenant("org_1");
    let error = Refport::disabled().embed_tokens.create(request).await;
    let error = error.unwrap_err();
    assert!(matches!(error, Error::NotSetUp(_)), "{error:?}");
    assert!(error.to_string().contains("an API key"), "{error}");
}

/// What is in an outbox was to be delivered.
#[tokio::test]
async fn a_worker_is_told_that_nothing_was_delivered() {
    let destinations: [Box<dyn Destination>; 3] = [
        Box::new(Refport::disabled()),
        Box::new(Partli::disabled()),
        Box::new(Program::new(
            "other",
            Partli::COOKIE_NAME,
            Refport::disabled(),
        )),
    ];
    for destination in destinations {
        let for_worker = destination.patient(Patience::Worker).unwrap();
        let error = for_worker.report_sale(sale()).await.unwrap_err();
        assert!(matches!(error, Error::NotSetUp(_)), "{error:?}");
    }
}
