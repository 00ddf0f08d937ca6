//! Several servers on one database.

use refport_server::{Amount, Config, Interval, Reward, RewardTarget};
use serde_json::json;
use tokio::task::JoinSet;

use crate::{database::On, harness::Harness};

pub(crate) async fn another_servers_new_key_is_looked_up(on: On) {
    let first = Harness::new(on);
    let second = first.beside(Config::new("http://go.example:4800"));
    let old = first.click("demo").await;
    // Both have the key ring at hand.
    first.sell(&old, "u", 4900).await;
    second.store.rotate_signing_key().unwrap();
    let click = second.click("demo").await;
    first
        .database
        .execute("DELETE FROM click WHERE id NOT IN (SELECT click_id FROM customer)");
    assert_eq!(first.sell(&click, "v", 4900).await["commissionAmount"], 490);
}

/// What one server alone could not get wrong: the same invoices, customers and one-time rewards, all
/// at once at three servers.
pub(crate) async fn rules_hold_whichever_server_is_asked(on: On) {
    let first = std::sync::Arc::new(Harness::new(on));
    let once = Reward::new(Amount::Flat(500), Interval::OneTime).unwrap();
    first
        .store
        .set_reward(&RewardTarget::Program, &once)
        .unwrap();
    let click = first.click("demo").await;
    let mut servers = vec![std::sync::Arc::clone(&first)];
    for _ in 0..2 {
        servers.push(std::sync::Arc::new(
            first.beside(Config::new("http://go.example:4800")),
        ));
    }
    const CUSTOMERS: usize = 8;
    const INVOICES: usize = 4;
    let mut posts = JoinSet::new();
    for customer in 0..CUSTOMERS {
        for invoice in 0..INVOICES {
            for server in &servers {
                let server = std::sync::Arc::clone(server);
                let body = json!({
                    "clickId": click, "customerExternalId": format!("u{customer}"), "amount": 4900,
                    "invoiceId": format!("{customer}-{invoice}"),
                });
                posts.spawn(async move {
                    let answer = server.post("/api/track/sale", body).await;
                    assert_eq!(answer.status, 200, "{}", answer.text());
                    (format!("{customer}-{invoice}"), answer.bytes)
                });
            }
        }
    }
    let answers = posts.join_all().await;
    for (invoice, bytes) in &answers {
        let (_, same) = answers.iter().find(|(other, _)| other == invoice).unwrap();
        assert_eq!(bytes, same, "{invoice}");
    }
    let count = |table| usize::try_from(first.count(table)).unwrap();
    assert_eq!(count("event"), CUSTOMERS * INVOICES);
    assert_eq!(count("customer"), CUSTOMERS);
    assert_eq!(count("commission"), CUSTOMERS, "once a customer");
}

/// Neither sees the other's customer when it looks, and both would make one.
pub(crate) async fn a_lead_and_a_sale_of_one_address_are_one_customer(on: On) {
    let server = Harness::new(on);
    let other = server.beside(Config::new("http://go.example:4800"));
    let click = server.click("demo").await;
    let email = "Ben@customer.example";
    let lead = json!({ "externalId": "lead_1", "clickId": click, "customerEmail": email });
    let sale = json!({
        "clickId": click, "customerExternalId": "u1", "amount": 4900, "invoiceId": "1",
        "customerEmail": "ben@Customer.example",
    });
    // The last thing that a transaction writes: until it is free, both have decided.
    let held = server
        .database
        .hold("BEGIN; LOCK TABLE outgoing_event IN SHARE MODE");
    let waiting = "SELECT count(*) AS n FROM pg_stat_activity
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let release = async {
        while server.database.query(waiting)[0]["n"].as_i64().unwrap() < 2 {
            tokio::task::yield_now().await;
        }
        drop(held);
    };
    let (lead, sale, ()) = tokio::join!(
        server.post("/api/track/lead", &lead),
        other.post("/api/track/sale", &sale),
        release,
    );
    assert_eq!(lead.status, 200, "{}", lead.text());
    assert_eq!(sale.status, 200, "{}", sale.text());
    assert_eq!((server.count("event"), server.count("customer")), (2, 1));
    let anew = server.store.retried_conflicts() + other.store.retried_conflicts();
    assert!(anew > 0, "one of them was second");
}
