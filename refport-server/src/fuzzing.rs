//! What the fuzz targets of the repository check. No part of the API.

use std::sync::Arc;

use refport_core::Currency;
use serde_json::{Map, Value};

use crate::{
    dialect::{Dialect, Envelope, Refused},
    domain::{
        Click, Event, Facts, Kind, Link, Outcome, Policy, Reward, VersionedReward,
        click_id::{Claim, KeyRing, SigningKey},
        decide,
    },
    http::body,
};

const NOW: i64 = 1_795_000_000_000;

/// A body of either dialect is read or refused by a sentence, never a panic; what is read has IDs that
/// can be printed, is decided, and its repeat is answered the first answer in both dialects.
pub fn report(data: &[u8]) {
    let Ok(fields) = body::object(data) else {
        return;
    };
    for kind in [Kind::Lead, Kind::Sale] {
        match read(kind, &fields) {
            Ok(event) => check_event(&fields, &event),
            Err(problem) => assert!(problem.contains(' '), "{problem}"),
        }
    }
}

fn read(kind: Kind, fields: &Map<String, Value>) -> Result<Event, String> {
    let envelope = Envelope {
        workspace_id: "ws".to_owned(),
        domain: "go.example".to_owned(),
        policy: Policy {
            unknown_click_is_forgiven: true,
            missing_click_is_forgiven: true,
        },
        idempotency_key: None,
        received_at: NOW,
    };
    let dialect = Dialect::of(fields);
    let event = match kind {
        Kind::Lead => dialect.read_lead(fields, envelope).map(Event::Lead),
        Kind::Sale => dialect.read_sale(fields, envelope).map(Event::Sale),
    };
    event.map_err(|problem| problem.to_string())
}

fn check_event(fields: &Map<String, Value>, event: &Event) {
    let dialect = Dialect::of(fields);
    let report = event.report();
    let customer = &report.customer;
    let click_id = report.click.as_ref().map(|click| &click.id);
    let texts = [
        customer.external_id.as_ref(),
        customer.email.as_ref(),
        customer.name.as_ref(),
        click_id,
        report.key.as_ref(),
    ];
    for text in texts.into_iter().flatten() {
        assert!(!text.chars().any(char::is_control), "{text:?}");
    }
    if let Some((amount, _)) = event.amount() {
        assert!((0..1 << 53).contains(&amount), "{amount}");
    }
    assert!(report.occurred_at <= NOW);
    let mut facts = Facts::default();
    facts.add_link(Arc::new(link()));
    if let Some(id) = click_id {
        facts.add_click(Click {
            id: id.clone(),
            workspace_id: "ws".to_owned(),
            link_id: Some("lnk".to_owned()),
            created_at: report.occurred_at,
        });
    }
    match decide(&mut facts, event) {
        (plan, Outcome::Recorded(first)) => {
            assert_eq!(plan.event.as_ref().map(|event| &event.id), Some(&first.id));
            let repeated = read(event.kind(), fields).expect("it was read a moment ago");
            if repeated.key().is_none() {
                return;
            }
            let (plan, outcome) = decide(&mut facts, &repeated);
            assert!(plan.event.is_none() && plan.commission.is_none());
            let Outcome::Recorded(again) = outcome else {
                panic!("a repeat was refused: {outcome:?}");
            };
            for dialect in [Dialect::Refport, Dialect::Partli] {
                assert_eq!(dialect.answer(&again), dialect.answer(&first));
            }
        }
        (plan, Outcome::Refused(reason)) => {
            assert!(plan.event.is_none() && plan.new_customer.is_none());
            assert_eq!(plan.refusal.map(|refusal| refusal.reason), Some(reason));
            if let Refused::Error { status, .. } = dialect.refused(event.kind(), reason) {
                assert!(status.is_client_error());
            }
        }
    }
}

fn link() -> Link {
    Link {
        id: "lnk".to_owned(),
        workspace_id: "ws".to_owned(),
        number: 7,
        key: "demo".to_owned(),
        destination: "https://shop.example/".to_owned(),
        partner_id: "prt".to_owned(),
        partner_email_key: "ada@example.com".to_owned(),
        program_id: "prog".to_owned(),
        program_currency: Currency::USD,
        other_currencies: Vec::new(),
        holding_days: 30,
        program_sale_reward: Some(VersionedReward {
            id: "rwd".to_owned(),
            reward: Reward::DEFAULT,
        }),
        group_sale_reward: None,
        group_lead_reward: None,
    }
}

/// Of all texts that are made out of an ID, by other letters at some places, by cutting, or by whatever
/// else, the ID alone is taken.
pub fn standing_click(data: &[u8]) {
    let key = SigningKey {
        number: 1,
        secret: *b"a secret that nobody else knows!",
    };
    let right = key.click_id_by_chance(7, NOW, [1, 2, 3]);
    let ring = KeyRing::new(vec![key]);
    assert!(is_taken(&ring, &right));
    let mut altered = right.clone().into_bytes();
    for pair in data.chunks_exact(2) {
        let place = usize::from(pair[0]) % altered.len();
        altered[place] = pair[1];
    }
    for text in [&altered[..], data, &altered[..altered.len() - 1]] {
        if let Ok(text) = std::str::from_utf8(text) {
            assert_eq!(is_taken(&ring, text), text == right, "{text}");
        }
    }
}

fn is_taken(ring: &KeyRing, text: &str) -> bool {
    matches!(ring.read(text), Claim::Standing(_))
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    fn replay(target: &str, check: fn(&[u8])) {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../fuzz/corpus")
            .join(target);
        // A package has no corpus beside it.
        let Ok(entries) = fs::read_dir(corpus) else {
            return;
        };
        let mut count = 0;
        for entry in entries {
            let path = entry.unwrap().path();
            println!("{}", path.display()); // shown where the check panics
            check(&fs::read(path).unwrap());
            count += 1;
        }
        assert!(count > 10, "a few inputs, not {count}");
    }

    #[test]
    fn report() {
        replay("report", super::report);
    }

    #[test]
    fn standing_click() {
        replay("standing_click", super::standing_click);
    }
}
