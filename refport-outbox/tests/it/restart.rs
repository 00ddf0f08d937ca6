//! The database goes away under a running worker, and comes back.

use std::sync::Arc;

use crate::{
    cluster,
    database::Database,
    scripted::{Does, Service, sale},
};

#[tokio::test]
async fn a_worker_lives_through_a_restart_of_its_database() {
    let Some(cluster) = cluster::start() else {
        return;
    };
    let cluster = Arc::new(cluster);
    let Some(database) = Database::on(Arc::clone(&cluster)).await else {
        return;
    };
    let (outbox, service) = (database.outbox(), Service::refport());
    service.always(Does::Waits);
    let _ = outbox.sale(sale("inv_1")).await.unwrap();
    let worker = outbox.worker().deliver_to(service.clone());
    let mut worker = worker.build().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let run = worker.run(async { drop(stopped.await) });
    let test = async {
        service.has_calls(1).await;
        cluster.down().unwrap();
        // The answer comes while nobody can be told.
        service.let_go(1000);
        while service.counted("amount").is_empty() {
            tokio::task::yield_now().await;
        }
        let down = outbox.sale(sale("inv_2")).await;
        assert!(down.is_err(), "{down:?}");
        cluster.up().unwrap();
        // A pool may hold connections that are dead.
        while outbox.sale(sale("inv_2")).await.is_err() {}
        service.has_calls(2).await;
        drop(stop);
    };
    let (report, ()) = tokio::join!(run, test);
    let report = report.unwrap();
    assert_eq!((report.delivered, report.lost), (2, 0), "{report}");
    assert_eq!(service.calls(), 2);
    assert_eq!(report.left(refport_outbox::State::Delivered), 2, "{report}");
}
