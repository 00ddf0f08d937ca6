use std::{
    collections::BTreeSet,
    env, fs, io,
    num::NonZeroU32,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use rand::{Rng, rngs::StdRng, seq::IndexedRandom};
use refport_outbox::refport_core::ClickId;
use tokio::time::{Instant, sleep_until};

use crate::{
    journal,
    process::Process,
    roles::{CLICKS_LEFT, DRAIN},
    tally::{Kind, Tally},
};

/// What the processes of a run are told.
#[derive(Debug)]
pub(crate) struct Plan {
    /// For journals and logs.
    pub(crate) folder: PathBuf,
    pub(crate) shop_database: String,
    pub(crate) server_database: String,
    pub(crate) port: u16,
    pub(crate) api_key: String,
    pub(crate) link: String,
    pub(crate) clicks: Vec<ClickId>,
    pub(crate) orders_per_second: NonZeroU32,
    pub(crate) seed: u64,
}

impl Plan {
    pub(crate) fn server_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Where a process writes what it has to say.
    fn log(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.log"))
    }

    /// This program in a role, for the start of this number.
    fn command(&self, kind: Kind, start: u32, journal: &Path) -> io::Result<Command> {
        let mut command = Command::new(env::current_exe()?);
        command.arg(kind.as_str()).arg("--journal").arg(journal);
        match kind {
            Kind::Server => {
                command.args(["--database", &self.server_database]);
                command.args(["--port", &self.port.to_string()]);
                command.args(["--start", &start.to_string()]);
            }
            Kind::Producer => {
                let clicks: Vec<&str> = self.clicks.iter().map(ClickId::as_str).collect();
                command.args(["--database", &self.shop_database]);
                command.args(["--link", &self.link, "--clicks", &clicks.join(",")]);
                command.args(["--orders-per-second", &self.orders_per_second.to_string()]);
                command.args(["--seed", &self.seed.to_string()]);
                command.args(["--start", &start.to_string()]);
            }
            Kind::Worker => {
                command.args(["--database", &self.shop_database]);
                command.env("REFPORT_BASE_URL", self.server_url());
                command.env("REFPORT_API_KEY", &self.api_key);
            }
        }
        Ok(command)
    }
}

/// The processes of a run, each in its place, where it is started again after a kill.
#[derive(Debug)]
pub(crate) struct Storm {
    plan: Plan,
    places: Vec<Place>,
    tally: Tally,
    stops: Stops,
}

/// The servers that were told to stop by a signal, and did.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stops {
    /// Their starts.
    pub(crate) starts: BTreeSet<u32>,
    pub(crate) longest: Duration,
}

#[derive(Debug)]
struct Place {
    kind: Kind,
    name: &'static str,
    starts: u32,
    process: Option<Process>,
    /// When it is started, where it does not run.
    up_at: Instant,
}

impl Storm {
    /// One server, one shop and two workers, of which none runs yet.
    pub(crate) fn new(plan: Plan) -> Self {
        let places = [
            (Kind::Server, "server"),
            (Kind::Producer, "producer"),
            (Kind::Worker, "worker-1"),
            (Kind::Worker, "worker-2"),
        ];
        let places = places.map(|(kind, name)| Place {
            kind,
            name,
            starts: 0,
            process: None,
            up_at: Instant::now(),
        });
        Self {
            plan,
            places: places.into(),
            tally: Tally::default(),
            stops: Stops::default(),
        }
    }

    pub(crate) const fn plan(&mut self) -> &mut Plan {
        &mut self.plan
    }

    pub(crate) const fn tally(&self) -> &Tally {
        &self.tally
    }

    pub(crate) const fn stops(&self) -> &Stops {
        &self.stops
    }

    /// Starts all of this kind that do not run.
    pub(crate) fn start(&mut self, kind: Kind) -> anyhow::Result<()> {
        for place in self.places.iter_mut().filter(|place| place.kind == kind) {
            place.start(&self.plan)?;
        }
        Ok(())
    }

    /// Kills one after another at random instants until so many were killed while they ran, and
    /// starts each again.
    pub(crate) async fn rage(
        &mut self,
        kills: u32,
        every: Duration,
        random: &mut StdRng,
    ) -> anyhow::Result<()> {
        let draw = move |random: &mut StdRng| random.random_range(Duration::ZERO..2 * every);
        let mut next_kill = Instant::now() + draw(random);
        while self.tally.kills() < kills {
            let down = self.places.iter().filter(|place| place.process.is_none());
            let next_start = down.map(|place| place.up_at).min();
            sleep_until(next_start.map_or(next_kill, |start| start.min(next_kill))).await;
            let now = Instant::now();
            for place in self.places.iter_mut().filter(|place| place.up_at <= now) {
                place.start(&self.plan)?;
            }
            self.check()?;
            if next_kill <= now {
                self.kill_one(random).await?;
                next_kill = Instant::now() + draw(random);
            }
        }
        Ok(())
    }

    /// One kill of the server in three is a SIGTERM.
    async fn kill_one(&mut self, random: &mut StdRng) -> anyhow::Result<()> {
        const PAUSE: Duration = Duration::from_millis(300);
        /// Of one in ten.
        const LONG_PAUSE: Duration = Duration::from_secs(3);
        let running: Vec<usize> = (0..self.places.len())
            .filter(|number| self.places[*number].process.is_some())
            .collect();
        let Some(number) = running.choose(random) else {
            return Ok(());
        };
        let place = &mut self.places[*number];
        if place.kind == Kind::Server && random.random_ratio(1, 3) {
            self.terminate_server().await?;
            self.tally.add_termination(Kind::Server);
        } else if let Some(mut process) = place.process.take() {
            if !process.kill()? {
                bail!("{} ended by itself", place.name);
            }
            self.tally.add(place.kind, &process.journal, true)?;
        }
        let place = &mut self.places[*number];
        let longest = if random.random_ratio(1, 10) {
            LONG_PAUSE
        } else {
            PAUSE
        };
        place.up_at = Instant::now() + random.random_range(Duration::ZERO..longest);
        let kills = self.tally.kills();
        if kills.is_multiple_of(50) {
            eprintln!("{kills} kills");
        }
        Ok(())
    }

    /// Sends the server SIGTERM. It must stop in time, with all its clicks counted.
    pub(crate) async fn terminate_server(&mut self) -> anyhow::Result<()> {
        /// For its requests, then for its clicks; the rest is for the machine.
        const WITHIN: Duration = Duration::from_secs(2 * DRAIN.as_secs() + 5);
        let mut places = self.places.iter_mut();
        let place = places.find(|place| place.kind == Kind::Server);
        let Some((place, mut process)) =
            place.and_then(|place| Some(place.process.take()).flatten().map(|p| (place, p)))
        else {
            return Ok(());
        };
        let journal = process.journal.clone();
        let took = process.terminate(WITHIN).await.context(place.name)?;
        let took = took.context("the server ended by itself")?;
        self.tally.add(Kind::Server, &journal, false)?;
        let mut ends = journal::read(&journal)?;
        let left = ends.remove(CLICKS_LEFT).flatten();
        if let Some(left) = left {
            ensure!(left == "0", "the server stopped with {left} clicks left");
            self.stops.starts.insert(place.starts - 1);
        }
        self.stops.longest = self.stops.longest.max(took);
        Ok(())
    }

    /// Fails where a process ended that nobody killed.
    pub(crate) fn check(&mut self) -> anyhow::Result<()> {
        for place in &mut self.places {
            if let Some(process) = &mut place.process
                && let Some(status) = process.ended()?
            {
                let log = fs::read_to_string(self.plan.log(place.name)).unwrap_or_default();
                let last: Vec<&str> = log.lines().rev().take(5).collect();
                bail!(
                    "{} ended by itself with {status}; the end of its log, last line first: {last:#?}",
                    place.name
                );
            }
        }
        Ok(())
    }

    /// Tells all of this kind to stop, and waits until they have.
    pub(crate) async fn stop(&mut self, kind: Kind) -> anyhow::Result<()> {
        for place in self.places.iter_mut().filter(|place| place.kind == kind) {
            if let Some(mut process) = place.process.take() {
                process.stop().await.context(place.name)?;
                self.tally.add(kind, &process.journal, false)?;
            }
        }
        Ok(())
    }
}

impl Place {
    /// Starts it where it does not run.
    fn start(&mut self, plan: &Plan) -> anyhow::Result<()> {
        if self.process.is_some() {
            return Ok(());
        }
        let Self { name, starts, .. } = *self;
        let journal = plan.folder.join(format!("{name}-{starts}.journal"));
        let mut command = plan.command(self.kind, starts, &journal)?;
        let process = Process::start(&mut command, journal, &plan.log(name));
        self.process = Some(process.context(name)?);
        self.starts += 1;
        Ok(())
    }
}
