use std::collections::BTreeMap;

use metrics_util::debugging::{DebugValue, DebuggingRecorder};

use crate::{
    database::Database,
    scripted::{Does, Service, sale},
};

#[tokio::test]
async fn what_happens_is_counted() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let recording = metrics::set_default_local_recorder(&recorder);
    let database = Database::sqlite().await;
    let (outbox, service) = (database.outbox(), Service::refport());
    service.with_invoice("broken", Does::Breaks).with_invoice(
        "refused",
        Does::Answers(400, Some("INVALID_CLICK_ID"), None),
    );
    for invoice in ["fine", "broken", "refused", "fine"] {
        let _ = outbox.sale(sale(invoice)).await.unwrap();
    }
    let mut worker = outbox.worker().deliver_to(service).build().unwrap();
    worker.drain().await.unwrap();
    drop(recording);

    let metrics = snapshotter.snapshot().into_vec();
    let seen: BTreeMap<String, u64> = metrics
        .into_iter()
        .filter_map(|(key, _, _, value)| {
            let labels = key
                .key()
                .labels()
                .map(|label| format!("{}={}", label.key(), label.value()));
            let name = format!(
                "{} {}",
                key.key().name(),
                labels.collect::<Vec<_>>().join(" ")
            );
            match value {
                DebugValue::Counter(count) => Some((name, count)),
                _ => None,
            }
        })
        .collect();
    let want = [
        (
            "refport_outbox_dead_total destination=refport reason=refused",
            1,
        ),
        ("refport_outbox_deduplicated_total kind=sale", 1),
        (
            "refport_outbox_delivered_total destination=refport outcome=accepted",
            1,
        ),
        ("refport_outbox_enqueued_total kind=sale", 3),
        (
            "refport_outbox_retried_total destination=refport reason=broken",
            1,
        ),
    ];
    let want = want.map(|(name, count)| (name.to_owned(), count));
    assert_eq!(seen, BTreeMap::from(want));
}
