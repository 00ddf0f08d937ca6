//! The eight steps, one by one and together.

use refport_server::{Amount, Interval, NewPartner, Reward, RewardTarget};
use serde_json::json;

use crate::{database::On, harness::Harness};

fn reward(amount: Amount, interval: Interval) -> Reward {
    Reward::new(amount, interval).unwrap()
}

const TEN_PERCENT: Amount = Amount::BasisPoints(1000);

pub(crate) async fn all_eight_steps_together(on: On) {
    let server = Harness::new(on);
    let click = server.click("demo").await;
    let body = json!({
        "clickId": click, "customerExternalId": "user_001", "amount": 4900, "invoiceId": "inv_001",
        "customerEmail": "c@example.com",
    });
    let before = refport_core::Timestamp::now().as_millis();
    let sale = server.post("/api/track/sale", body).await.json();
    let after = refport_core::Timestamp::now().as_millis();

    let partner = server.get("/api/partners").await.json()["data"][0].clone();
    let customer = server.get("/api/customers/user_001").await.json();
    assert_eq!(
        customer["partnerId"], partner["id"],
        "step 1: the click's partner"
    );
    assert_eq!(customer["email"], "c@example.com", "step 2: the customer");
    assert_eq!(
        customer["events"][0]["id"], sale["sale"]["id"],
        "step 3: the sale"
    );

    let [commission] = server
        .commissions()
        .await
        .try_into()
        .expect("steps 4 to 7: one commission");
    assert_eq!(commission["amount"], 490);
    assert_eq!(commission["status"], "pending");
    assert_eq!(commission["invoiceId"], "inv_001");
    assert_eq!(commission["customerExternalId"], "user_001");
    let millis = |field: &str| {
        let text = commission[field].as_str().unwrap();
        text.parse::<refport_core::Timestamp>().unwrap().as_millis()
    };
    assert!((before..=after).contains(&millis("createdAt")));
    assert_eq!(
        millis("payableAt") - millis("createdAt"),
        30 * 24 * 60 * 60 * 1000
    );

    let sql = "SELECT type, payload FROM outgoing_event ORDER BY id";
    let events = server.database.query(sql);
    let kinds: Vec<&str> = events
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["sale.created", "commission.created"], "step 8");
    let payload = events[1]["payload"].as_str().unwrap();
    let payload: serde_json::Value = serde_json::from_str(payload).unwrap();
    assert_eq!(payload["data"]["id"], commission["id"]);
    assert_eq!(payload["data"]["payableAt"], commission["payableAt"]);
}

pub(crate) async fn the_first_attribution_stays(on: On) {
    let server = Harness::new(on);
    let bob = NewPartner::new("bob@example.com", "Bob")
        .key("bob")
        .destination("https://shop.example/");
    let bob = server.store.add_partner(bob).unwrap();
    let (adas, bobs) = (server.click("demo").await, server.click("bob").await);
    server.sell(&adas, "u", 1000).await;
    server.sell(&bobs, "u", 1000).await;
    server.sell(&bobs, "v", 1000).await;
    let partners: Vec<_> = server
        .commissions()
        .await
        .iter()
        .map(|row| row["partnerId"].clone())
        .collect();
    assert_eq!(partners[0], bob.partner_id, "a new customer");
    assert_eq!(partners[1], partners[2], "the old customer stays Ada's");
    assert_ne!(partners[1], partners[0]);
}

pub(crate) async fn the_groups_reward_goes_before_the_programs(on: On) {
    let server = Harness::new(on);
    server.store.add_group("gold").unwrap();
    let target = RewardTarget::GroupSale("gold".into());
    server
        .store
        .set_reward(
            &target,
            &reward(Amount::percent("12.5").unwrap(), Interval::Lifetime),
        )
        .unwrap();
    let bob = NewPartner::new("bob@example.com", "Bob")
        .key("bob")
        .group("gold");
    server
        .store
        .add_partner(bob.destination("https://shop.example/"))
        .unwrap();

    let (adas, bobs) = (server.click("demo").await, server.click("bob").await);
    assert_eq!(server.sell(&adas, "a", 4900).await["commissionAmount"], 490);
    assert_eq!(
        server.sell(&bobs, "b", 4900).await["commissionAmount"],
        613,
        "612.5 half up"
    );
}

pub(crate) async fn a_group_without_a_reward_earns_the_programs(on: On) {
    let server = Harness::new(on);
    server.store.add_group("new").unwrap();
    let bob = NewPartner::new("bob@example.com", "Bob")
        .key("bob")
        .group("new");
    server
        .store
        .add_partner(bob.destination("https://shop.example/"))
        .unwrap();
    let click = server.click("bob").await;
    assert_eq!(
        server.sell(&click, "b", 4900).await["commissionAmount"],
        490
    );
}

pub(crate) async fn one_time_pays_once_a_customer_whoever_the_partner_is(on: On) {
    let server = Harness::new(on);
    server
        .store
        .set_reward(
            &RewardTarget::Program,
            &reward(Amount::Flat(500), Interval::OneTime),
        )
        .unwrap();
    let click = server.click("demo").await;
    assert_eq!(
        server.sell(&click, "u", 4900).await["commissionAmount"],
        500
    );
    let second = server.sell(&click, "u", 4900).await;
    assert_eq!(
        (&second["commissionAmount"], &second["status"]),
        (&json!(0), &json!("none"))
    );
    assert_eq!(
        server.sell(&click, "v", 4900).await["commissionAmount"],
        500
    );

    server
        .database
        .execute("UPDATE commission SET status = 'voided'");
    assert_eq!(
        server.sell(&click, "u", 4900).await["commissionAmount"],
        500,
        "a voided one does not count"
    );
}

pub(crate) async fn recurring_ends_after_its_months_counted_from_the_first_commission(on: On) {
    let server = Harness::new(on);
    server
        .store
        .set_reward(
            &RewardTarget::Program,
            &reward(TEN_PERCENT, Interval::Recurring { months: 2 }),
        )
        .unwrap();
    let click = server.click("demo").await;
    assert_eq!(
        server.sell(&click, "u", 1000).await["commissionAmount"],
        100
    );
    server.let_pass(58);
    assert_eq!(
        server.sell(&click, "u", 1000).await["commissionAmount"],
        100,
        "two months have 59 days at least"
    );
    server.let_pass(5);
    assert_eq!(
        server.sell(&click, "u", 1000).await["commissionAmount"],
        0,
        "and 62 at most"
    );

    server
        .store
        .set_reward(
            &RewardTarget::Program,
            &reward(TEN_PERCENT, Interval::Lifetime),
        )
        .unwrap();
    assert_eq!(
        server.sell(&click, "u", 1000).await["commissionAmount"],
        100,
        "lifetime has no end"
    );
}

pub(crate) async fn what_earns_nothing_is_a_sale_without_a_commission(on: On) {
    let server = Harness::new(on);
    let click = server.click("demo").await;
    for amount in [0, 4] {
        let sale = server.sell(&click, "u", amount).await;
        assert_eq!(
            (&sale["commissionAmount"], &sale["status"]),
            (&json!(0), &json!("none"))
        );
    }
    assert!(server.commissions().await.is_empty());
    assert_eq!(
        server.sell(&click, "u", 5).await["commissionAmount"],
        1,
        "and is no first commission"
    );

    server
        .database
        .execute("UPDATE program SET sale_reward_id = NULL");
    assert_eq!(
        server.sell(&click, "u", 4900).await["status"],
        "none",
        "no reward at all"
    );
}

pub(crate) async fn a_flat_sum_is_paid_in_the_programs_currency_only(on: On) {
    let server = Harness::new(on);
    server
        .store
        .set_reward(
            &RewardTarget::Program,
            &reward(Amount::Flat(500), Interval::Lifetime),
        )
        .unwrap();
    let click = server.click("demo").await;
    let sale = |currency: &str| {
        let body = json!({ "clickId": click, "customerExternalId": "u", "amount": 4900, "currency": currency });
        server.post("/api/track/sale", body)
    };
    assert_eq!(sale("EUR").await.json()["sale"]["commissionAmount"], 0);
    let paid = sale("USD").await.json();
    assert_eq!(
        (&paid["sale"]["commissionAmount"], &paid["sale"]["currency"]),
        (&json!(500), &json!("usd"))
    );
}

pub(crate) async fn a_changed_reward_leaves_what_was_earned(on: On) {
    let server = Harness::new(on);
    let click = server.click("demo").await;
    server.sell(&click, "u", 1000).await;
    server
        .store
        .set_reward(
            &RewardTarget::Program,
            &reward(Amount::percent("50").unwrap(), Interval::Lifetime),
        )
        .unwrap();
    server.sell(&click, "u", 1000).await;
    let amounts: Vec<_> = server
        .commissions()
        .await
        .iter()
        .map(|row| row["amount"].clone())
        .collect();
    assert_eq!(amounts, [json!(500), json!(100)]);
}

pub(crate) async fn a_groups_lead_reward_is_paid_once_a_customer(on: On) {
    let server = Harness::new(on);
    server.store.add_group("gold").unwrap();
    let target = RewardTarget::GroupLead("gold".into());
    server
        .store
        .set_reward(&target, &reward(Amount::Flat(100), Interval::OneTime))
        .unwrap();
    let bob = NewPartner::new("bob@example.com", "Bob")
        .key("bob")
        .group("gold");
    server
        .store
        .add_partner(bob.destination("https://shop.example/"))
        .unwrap();
    let click = server.click("bob").await;
    for event in ["Sign Up", "Trial"] {
        let lead = json!({ "clickId": click, "eventName": event, "customerExternalId": "u" });
        assert_eq!(server.post("/api/track/lead", lead).await.status, 200);
    }
    let [commission] = server
        .commissions()
        .await
        .try_into()
        .expect("one commission");
    assert_eq!(
        (&commission["kind"], &commission["amount"]),
        (&json!("lead"), &json!(100))
    );

    server
        .store
        .set_reward(
            &RewardTarget::Program,
            &reward(TEN_PERCENT, Interval::OneTime),
        )
        .unwrap();
    assert_eq!(
        server.sell(&click, "u", 1000).await["commissionAmount"],
        100,
        "a lead's is no prior sale"
    );
}

pub(crate) async fn settings_that_cannot_be_are_refused_with_a_reason(on: On) {
    let server = Harness::new(on);
    let error = |result: Result<(), refport_server::StoreError>| result.unwrap_err().to_string();
    let partner = |partner: NewPartner| server.store.add_partner(partner).map(drop);
    let bob = || NewPartner::new("bob@example.com", "Bob").destination("https://shop.example/");
    assert!(error(partner(bob().key("demo"))).contains("key demo already"));
    assert!(error(partner(bob().key("a/b"))).contains("letters, digits"));
    assert!(error(partner(bob().group("none"))).contains("no group named none"));
    assert!(error(partner(bob().destination("shop.example"))).contains("URL"));
    assert!(error(partner(NewPartner::new("ADA@example.com", "Ada"))).contains("already"));
    assert!(error(partner(NewPartner::new("nobody", "Ada"))).contains("no @"));
    let percent = reward(TEN_PERCENT, Interval::OneTime);
    server.store.add_group("gold").unwrap();
    assert!(
        error(
            server
                .store
                .set_reward(&RewardTarget::GroupLead("gold".into()), &percent)
        )
        .contains("flat")
    );
    assert!(error(server.store.add_group("gold").map(drop)).contains("already"));
    assert!(error(server.store.init().map(drop)).contains("already"));
    assert!(error(server.store.set_destination("none", "https://a.example/")).contains("no link"));
}
