//! Many calls at a time, and what they took.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::{numbers::percentile, usage};

/// What so many calls took.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Run {
    /// How many there were.
    pub calls: u64,
    /// From the first call to the last answer.
    pub seconds: f64,
    /// Of the process that made them; in process, that is the work too.
    pub cpu_seconds: f64,
    /// Of the database's processes, or of the server that was called.
    pub server_cpu_seconds: f64,
    /// Transactions that wrote, where they are counted.
    pub commits: u64,
    /// Half of the calls took no longer, in microseconds.
    pub p50: f64,
    /// 99 of a hundred took no longer, in microseconds.
    pub p99: f64,
}

impl Run {
    /// Calls a second.
    #[must_use]
    pub fn per_second(&self) -> f64 {
        self.calls as f64 / self.seconds
    }

    /// Microseconds of CPU that each took, here and in the server.
    #[must_use]
    pub fn cpu_micros(&self) -> f64 {
        (self.cpu_seconds + self.server_cpu_seconds) * 1e6 / self.calls as f64
    }

    /// The run as one line.
    #[must_use]
    pub fn shown(&self) -> String {
        format!(
            "{:.0}/s, p50 {:.2} ms, p99 {:.2} ms, CPU {:.1} us each",
            self.per_second(),
            self.p50 / 1e3,
            self.p99 / 1e3,
            self.cpu_micros()
        )
    }
}

/// Takes the time of calls from now on.
#[derive(Debug)]
pub struct Clock {
    start: Instant,
    cpu: Duration,
}

impl Clock {
    /// Starts it.
    #[must_use]
    pub fn start() -> Self {
        Self {
            start: Instant::now(),
            cpu: usage::cpu_time(),
        }
    }

    /// The run that ends now, with the time of each call.
    #[must_use]
    pub fn stop(self, mut times: Vec<Duration>) -> Run {
        let seconds = self.start.elapsed().as_secs_f64();
        let cpu_seconds = (usage::cpu_time() - self.cpu).as_secs_f64();
        Run {
            calls: times.len() as u64,
            seconds,
            cpu_seconds,
            server_cpu_seconds: 0.0,
            commits: 0,
            p50: percentile(&mut times, 50),
            p99: percentile(&mut times, 99),
        }
    }
}

/// Shares inputs out among so many tasks, each with one call at a time. `caller` makes what a task
/// calls with.
///
/// # Errors
///
/// That of the first call that failed.
pub async fn in_flight<T, C, F>(
    inputs: Vec<T>,
    tasks: usize,
    caller: impl Fn() -> C,
) -> anyhow::Result<Run>
where
    T: Send + 'static,
    C: FnMut(T) -> F + Send + 'static,
    F: Future<Output = anyhow::Result<()>> + Send,
{
    let shares = shares(inputs, tasks);
    let clock = Clock::start();
    let mut set = JoinSet::new();
    for share in shares {
        let mut call = caller();
        set.spawn(async move {
            let mut times = Vec::with_capacity(share.len());
            for input in share {
                let start = Instant::now();
                call(input).await?;
                times.push(start.elapsed());
            }
            anyhow::Ok(times)
        });
    }
    let mut times = Vec::new();
    while let Some(ended) = set.join_next().await {
        times.extend(ended??);
    }
    Ok(clock.stop(times))
}

/// As [`in_flight`], on threads that block.
///
/// # Errors
///
/// That of the first call that failed.
///
/// # Panics
///
/// When a call does.
pub fn on_threads<T: Send>(
    inputs: Vec<T>,
    threads: usize,
    call: impl Fn(T) -> anyhow::Result<()> + Sync,
) -> anyhow::Result<Run> {
    let shares = shares(inputs, threads);
    let clock = Clock::start();
    let call = &call;
    let times = std::thread::scope(|scope| {
        let work = |share: Vec<T>| {
            scope.spawn(move || {
                let mut times = Vec::with_capacity(share.len());
                for input in share {
                    let start = Instant::now();
                    call(input)?;
                    times.push(start.elapsed());
                }
                anyhow::Ok(times)
            })
        };
        let workers: Vec<_> = shares.into_iter().map(work).collect();
        let mut times = Vec::new();
        for worker in workers {
            times.extend(worker.join().expect("a call does not panic")?);
        }
        anyhow::Ok(times)
    })?;
    Ok(clock.stop(times))
}

fn shares<T>(inputs: Vec<T>, among: usize) -> Vec<Vec<T>> {
    let mut shares: Vec<Vec<T>> = Vec::new();
    shares.resize_with(among, Vec::new);
    for (number, input) in inputs.into_iter().enumerate() {
        shares[number % among].push(input);
    }
    shares
}
