//! What the client process does in each of its roles, and what it reports.

use std::time::{Duration, Instant};

use anyhow::ensure;
use refport_bench::usage;
use serde::{Deserialize, Serialize};
use tokio::{task::JoinSet, time::sleep};

use super::callers::Caller;

/// What so many calls took. The peer in Node reports the same.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Calls {
    pub(super) calls: u64,
    pub(super) seconds: f64,
    pub(super) cpu_seconds: f64,
}

impl Calls {
    pub(super) fn per_second(&self) -> f64 {
        self.calls as f64 / self.seconds
    }

    pub(super) fn cpu_per_10k(&self) -> f64 {
        self.cpu_seconds * 10_000.0 / self.calls as f64
    }
}

/// Makes `calls` calls with `in_flight` at a time, after some that warm up.
pub(super) async fn calls(caller: Caller, calls: u64, in_flight: u64) -> anyhow::Result<Calls> {
    let warm_up = 100;
    spread(&caller, warm_up, in_flight).await?;
    let start = Instant::now();
    let cpu = usage::cpu_time();
    spread(&caller, calls, in_flight).await?;
    Ok(Calls {
        calls,
        seconds: start.elapsed().as_secs_f64(),
        cpu_seconds: (usage::cpu_time() - cpu).as_secs_f64(),
    })
}

async fn spread(caller: &Caller, calls: u64, in_flight: u64) -> anyhow::Result<()> {
    let mut tasks = JoinSet::new();
    for task in 0..in_flight {
        let share = calls / in_flight + u64::from(task < calls % in_flight);
        let caller = caller.clone();
        tasks.spawn(async move {
            for _ in 0..share {
                let answer = caller.sale().await?;
                ensure!(answer.sale.id == "sale_1", "another answer: {answer:?}");
            }
            Ok(())
        });
    }
    tasks.join_all().await.into_iter().collect()
}

/// What so many calls cost that wait.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Waiting {
    pub(super) calls: u64,
    pub(super) seconds: f64,
    pub(super) cpu_seconds: f64,
    pub(super) bytes: u64,
}

impl Waiting {
    pub(super) fn kib_per_call(&self) -> f64 {
        self.bytes as f64 / self.calls as f64 / 1024.0
    }

    pub(super) fn cpu_share(&self) -> f64 {
        self.cpu_seconds / self.seconds
    }
}

/// Starts `calls` calls that get no answer, and watches them wait once each has its connection to
/// `port`, if to any.
pub(super) async fn waiting(
    caller: Caller,
    calls: u64,
    port: Option<u16>,
) -> anyhow::Result<Waiting> {
    const SETTLE: Duration = Duration::from_secs(1);
    const WATCH: Duration = Duration::from_secs(4);
    const LOOK: Duration = Duration::from_millis(100);
    let before = usage::resident_bytes()?;
    let mut tasks = start_slowly(&caller, calls).await;
    while let Some(port) = port
        && usage::connections_to(port)? < calls
    {
        let ended = tasks.try_join_next();
        ensure!(ended.is_none(), "a call was not connected: {ended:?}");
        sleep(LOOK).await;
    }
    sleep(SETTLE).await;
    let bytes = usage::resident_bytes()? - before;
    let (start, cpu) = (Instant::now(), usage::cpu_time());
    sleep(WATCH).await;
    let cpu = usage::cpu_time() - cpu;
    let ended = tasks.try_join_next();
    ensure!(ended.is_none(), "a call did not wait: {ended:?}");
    Ok(Waiting {
        calls,
        seconds: start.elapsed().as_secs_f64(),
        cpu_seconds: cpu.as_secs_f64(),
        bytes,
    })
}

/// A few at a time: a listener takes only so many connections before it accepts them.
async fn start_slowly(caller: &Caller, calls: u64) -> JoinSet<anyhow::Result<()>> {
    const AT_ONCE: u64 = 200;
    let mut tasks = JoinSet::new();
    for call in 1..=calls {
        let caller = caller.clone();
        tasks.spawn(async move { caller.sale().await.map(drop) });
        if call % AT_ONCE == 0 {
            sleep(Duration::from_millis(20)).await;
        }
    }
    tasks
}
