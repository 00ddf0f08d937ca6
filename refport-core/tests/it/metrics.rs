//! The `metrics` feature: calls by outcome, attempts, times.

use metrics_util::{
    MetricKind,
    debugging::{DebugValue, DebuggingRecorder},
};

use crate::scripted::{Scripted, accepted, answer, sale_once};

#[test]
fn calls_are_counted_by_outcome_and_timed() {
    let recorder = DebuggingRecorder::new();
    let snapshots = recorder.snapshotter();
    let script = Scripted::new([answer(500, ""), accepted(), answer(400, "")]);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            let refport = script.client(|builder| builder);
            refport.track.sale(sale_once()).await.unwrap();
            refport.track.sale(sale_once()).await.unwrap_err();
        });
    });

    let mut counters = Vec::new();
    let mut timed = 0;
    for (key, _, _, value) in snapshots.snapshot().into_vec() {
        let labels: Vec<&str> = key.key().labels().map(metrics::Label::value).collect();
        match value {
            DebugValue::Counter(count) => {
                counters.push(format!("{} {} {count}", key.key().name(), labels.join(" ")));
            }
            DebugValue::Histogram(times) => {
                assert_eq!(
                    (key.kind(), key.key().name()),
                    (MetricKind::Histogram, "refport_call_seconds")
                );
                timed += times.len();
            }
            DebugValue::Gauge(_) => panic!("no gauges"),
        }
    }
    counters.sort();
    assert_eq!(
        counters,
        [
            "refport_attempts_total track.sale 3",
            "refport_calls_total track.sale accepted 1",
            "refport_calls_total track.sale validation 1",
        ]
    );
    assert_eq!(timed, 2);
}
