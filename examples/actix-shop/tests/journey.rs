//! The whole system: a browser through this shop, this shop without its service, and its crash.

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

#[tokio::test]
async fn a_killed_shop_loses_and_doubles_nothing() {
    refport_tests::kill_after_the_order_page(SHOP)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_sale_arrives_when_the_service_is_back() {
    refport_tests::sell_with_the_service_stopped(SHOP)
        .await
        .unwrap();
}
