//! Visitors who follow a link all the time, whatever is killed, and what became of their clicks.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroU32,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::Context;
use futures_util::{StreamExt, TryStreamExt, stream};
use refport_outbox::refport_core::ClickId;
use tokio::{task::JoinSet, time::sleep};

use crate::{api::Api, counted::Clicks, visitor::Visitor};

/// Click IDs that the server has handed out, with the start of the server that did so.
type HandedOut = BTreeMap<String, u32>;

/// The visitors, until they are stopped.
#[derive(Debug)]
pub(crate) struct Visitors {
    seen: Arc<Seen>,
    tasks: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Seen {
    handed_out: Mutex<HandedOut>,
    /// Requests that may have reached the server, and were not answered with an ID.
    cut_off: AtomicU64,
    leaving: AtomicBool,
}

impl Seen {
    fn handed_out(&self) -> std::sync::MutexGuard<'_, HandedOut> {
        self.handed_out
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Visitors {
    pub(crate) fn start(link: &str, clicks_per_second: NonZeroU32) -> anyhow::Result<Self> {
        const VISITORS: u32 = 4;
        let seen = Arc::new(Seen::default());
        let mut tasks = JoinSet::new();
        let mean = f64::from(VISITORS) / f64::from(clicks_per_second.get());
        for _ in 0..VISITORS {
            let (visitor, seen, link) = (Visitor::new()?, Arc::clone(&seen), link.to_owned());
            tasks.spawn(async move {
                while !seen.leaving.load(Ordering::Relaxed) {
                    sleep(Duration::from_secs_f64(mean * rand::random_range(0.0..2.0))).await;
                    match visitor.follow(&link).await {
                        Ok((id, start)) => {
                            seen.handed_out().insert(id.as_str().to_owned(), start);
                        }
                        Err(error)
                            if error.downcast_ref().is_some_and(reqwest::Error::is_connect) => {}
                        Err(_) => {
                            seen.cut_off.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                }
            });
        }
        Ok(Self { seen, tasks })
    }

    /// One of the clicks, where there is one.
    pub(crate) fn some_click(&self) -> Option<ClickId> {
        let handed_out = self.seen.handed_out();
        handed_out.keys().next_back()?.parse().ok()
    }

    pub(crate) async fn stop(&mut self) {
        self.seen.leaving.store(true, Ordering::Relaxed);
        while self.tasks.join_next().await.is_some() {}
    }

    /// Compares the rows of the link's clicks with what was handed out; then every ID must be good for
    /// a sale of a new customer, whatever was killed since.
    ///
    /// `stopped` are the starts of the server that were told to stop, and whose clicks are all counted
    /// therefore.
    pub(crate) async fn judge(
        &self,
        api: &Api,
        counted: &Clicks,
        stopped: &BTreeSet<u32>,
    ) -> anyhow::Result<Judged> {
        const AT_ONCE: usize = 16;
        let handed_out = self.seen.handed_out().clone();
        let cut_off = self.seen.cut_off.load(Ordering::Relaxed);
        let mut judged = Judged::of(&handed_out, cut_off, counted, stopped);
        let good: Vec<(String, bool)> = stream::iter(handed_out.into_keys())
            .map(|id| async move {
                let sale = api.check_sale(&id, &format!("click_{id}")).await?;
                anyhow::Ok((id, sale.pays()))
            })
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await
            .context("a sale for each click")?;
        let useless = good.into_iter().filter(|(_, is_good)| !is_good);
        judged.lost = useless.map(|(id, _)| id).collect();
        Ok(judged)
    }
}

/// What became of the clicks.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Judged {
    pub(crate) handed_out: usize,
    /// Of those that were handed out.
    pub(crate) counted: usize,
    /// Counted, and on their way to a visitor when the server was killed.
    pub(crate) unseen: usize,
    /// IDs that were good for no sale.
    pub(crate) lost: Vec<String>,
    /// How many clicks too many the numbers by day show.
    pub(crate) double: u64,
    /// In words.
    pub(crate) wrong: Vec<String>,
}

impl Judged {
    fn of(handed_out: &HandedOut, cut_off: u64, counted: &Clicks, stopped: &BTreeSet<u32>) -> Self {
        let mut judged = Self {
            handed_out: handed_out.len(),
            counted: handed_out
                .keys()
                .filter(|id| counted.ids.contains(*id))
                .count(),
            double: counted.by_day.saturating_sub(counted.ids.len() as u64),
            ..Self::default()
        };
        judged.unseen = counted.ids.len() - judged.counted;
        if judged.unseen as u64 > cut_off {
            judged.wrong.push(format!(
                "{} counted clicks were handed out to nobody, and {cut_off} requests were cut off",
                judged.unseen
            ));
        }
        if counted.by_day < counted.ids.len() as u64 {
            judged.wrong.push(format!(
                "{} clicks have a row, and {} are counted by day",
                counted.ids.len(),
                counted.by_day
            ));
        }
        for (id, start) in handed_out {
            if stopped.contains(start) && !counted.ids.contains(id) {
                judged.wrong.push(format!(
                    "{id} is not counted, and server {start} that gave it was told to stop"
                ));
            }
        }
        judged
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clicks(ids: &[&str], by_day: u64) -> Clicks {
        Clicks {
            ids: ids.iter().map(|id| (*id).to_owned()).collect(),
            by_day,
        }
    }

    #[test]
    fn clicks_are_compared() {
        let handed_out: HandedOut = [("a", 1), ("b", 1), ("c", 2)]
            .map(|(id, start)| (id.to_owned(), start))
            .into();
        let judge = |cut_off, counted: Clicks, stopped: &[u32]| {
            Judged::of(
                &handed_out,
                cut_off,
                &counted,
                &stopped.iter().copied().collect(),
            )
        };
        let all = judge(0, clicks(&["a", "b", "c"], 3), &[1, 2]);
        assert_eq!((all.handed_out, all.counted, all.double), (3, 3, 0));
        assert!(all.wrong.is_empty(), "{all:?}");

        let killed = judge(1, clicks(&["a", "c", "x"], 3), &[2]);
        assert_eq!((killed.counted, killed.unseen), (2, 1));
        assert!(killed.wrong.is_empty(), "{killed:?}");

        assert_eq!(judge(0, clicks(&["a", "c", "x"], 3), &[2]).wrong.len(), 1);
        assert_eq!(judge(0, clicks(&["a", "b"], 2), &[2]).wrong.len(), 1);
        assert_eq!(judge(0, clicks(&["a", "b", "c"], 2), &[]).wrong.len(), 1);
        assert_eq!(judge(0, clicks(&["a", "b", "c"], 5), &[]).double, 2);
    }
}
