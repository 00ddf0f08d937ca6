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
