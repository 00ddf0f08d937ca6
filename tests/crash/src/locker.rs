//! Somebody who now and then keeps the server from writing, and tries a sale meanwhile.

use std::{fmt, sync::Arc, time::Duration};

use anyhow::Context;
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

use crate::{
    api::{Api, Checked},
    counted::{Counted, Lock},
    visitors::Visitors,
};

/// A report waits 3 s for its turn, and is answered. The rest is for a machine that has other work.
const ANSWERED_WITHIN: Duration = Duration::from_millis(5500);
/// What the longest lock is while processes are killed.
const LONGEST: Duration = Duration::from_secs(5);

/// What the sales beside locks were answered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    locks: u32,
    longest: Duration,
    /// By invoice.
    probes: Vec<(String, Checked)>,
    told_to_come_back: u32,
    slowest: Duration,
    pub(crate) wrong: Vec<String>,
}

/// Locks, until it is stopped.
pub(crate) struct Locker {
    stop: watch::Sender<bool>,
    task: JoinHandle<anyhow::Result<Report>>,
}

impl Locker {
    pub(crate) fn start(url: String, api: Arc<Api>, visitors: Arc<Visitors>) -> Self {
        let (stop, mut stopped) = watch::channel(false);
        let task = tokio::spawn(async move {
            let mut report = Report::default();
            loop {
                let pause = rand::random_range(Duration::from_secs(1)..Duration::from_secs(4));
                if timeout(pause, stopped.wait_for(|stop| *stop)).await.is_ok() {
                    return Ok(report);
                }
                let time = rand::random_range(Duration::from_millis(200)..LONGEST);
                report.hold(&url, &api, &visitors, time).await?;
            }
        });
        Self { stop, task }
    }

    pub(crate) async fn stop(self) -> anyhow::Result<Report> {
        // It is gone only after a failure, which is what it returns.
        let _ = self.stop.send(true);
        self.task.await?
    }
}

impl Report {
    /// Holds the lock for so long, with a sale beside it.
    pub(crate) async fn hold(
        &mut self,
        url: &str,
        api: &Api,
        visitors: &Visitors,
        time: Duration,
    ) -> anyhow::Result<()> {
        let Some(click_id) = visitors.some_click() else {
            return Ok(());
        };
        let lock = Lock::take(url).await.context("the lock")?;
        let begun = Instant::now();
        let invoice = format!("probe_{}", self.locks);
        let sale = async {
            let checked = api.check_sale_once(click_id.as_str(), &invoice).await;
            (checked, begun.elapsed())
        };
        tokio::pin!(sale);
        let within = timeout(time, &mut sale).await;
        sleep(time.saturating_sub(begun.elapsed())).await;
        lock.release().await?;
        self.locks += 1;
        self.longest = self.longest.max(begun.elapsed());
        let checked = match within {
            Ok((checked, took)) => {
                self.judge(checked, took);
                checked
            }
            Err(_) => {
                if time > ANSWERED_WITHIN {
                    self.wrong.push(format!(
                        "{invoice} waited for more than {ANSWERED_WITHIN:?} beside a lock"
                    ));
                }
                sale.await.0
            }
        };
        self.probes.push((invoice.clone(), checked));
        Ok(())
    }

    /// An answer that came while nobody could write.
    fn judge(&mut self, checked: Checked, took: Duration) {
        match checked {
            Checked::ComeBack => {
                self.told_to_come_back += 1;
                self.slowest = self.slowest.max(took);
                if took > ANSWERED_WITHIN {
                    self.wrong
                        .push(format!("a sale was told to come back after {took:?}"));
                }
            }
            Checked::CutOff => {}
            Checked::Paid | Checked::Unpaid | Checked::Other(_) => {
                let what = format!("a sale beside a lock was answered as {checked:?}");
                self.wrong.push(what);
            }
        }
    }

    /// What was refused is not counted, what was taken is, once.
    pub(crate) async fn check(&mut self, counted: &Counted) -> anyhow::Result<()> {
        for (invoice, checked) in &self.probes {
            let sql = format!("SELECT count(*) FROM event WHERE invoice_id = '{invoice}'");
            let found = counted.number(&sql).await?;
            let is_right = match checked {
                Checked::Paid | Checked::Unpaid => found == 1,
                Checked::ComeBack => found == 0,
                Checked::CutOff | Checked::Other(_) => found <= 1,
            };
            if !is_right {
                self.wrong
                    .push(format!("{invoice}, {checked:?}, was counted {found} times"));
            }
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |what| {
            self.probes
                .iter()
                .filter(|(_, checked)| *checked == what)
                .count()
        };
        write!(
            f,
            "locks: {} of up to {:.1} s; sales beside them: {} told to come back within {:.1} s, {} counted after, {} cut off",
            self.locks,
            self.longest.as_secs_f64(),
            self.told_to_come_back,
            self.slowest.as_secs_f64(),
            count(Checked::Paid),
            count(Checked::CutOff),
        )
    }
}
