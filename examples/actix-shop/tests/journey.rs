//! The whole system: a browser through this shop, and this shop without its service.

const SHOP: &str = env!("CARGO_BIN_EXE_actix-shop");

#[tokio::test]
async fn a_referred_visitor_buys_and_the_partner_sees_the_commission() {
    refport_tests::follow_sign_up_and_buy(SHOP).await.unwrap();
}

#[tokio::test]
async fn a_dead_service_does_not_stop_a_checkout() {
    refport_tests::buy_with_the_service_dead(SHOP)
        .await
        .unwrap();
}
