use std::{
    fs::File,
    io::{BufRead, BufReader},
    os::unix::process::{CommandExt, ExitStatusExt},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::time::{Instant, sleep};

/// This program in one of its roles. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    /// Open for as long as it may run.
    stdin: Option<ChildStdin>,
    pub(crate) journal: PathBuf,
}

impl Process {
    /// Starts it, with what it says about itself at the end of the file `log`.
    pub(crate) fn start(
        command: &mut Command,
        journal: PathBuf,
        log: &Path,
    ) -> anyhow::Result<Self> {
        let log = File::options().create(true).append(true).open(log)?;
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()?;
        let stdin = child.stdin.take();
        Ok(Self {
            child,
            stdin,
            journal,
        })
    }

    /// How it ended, if it did.
    pub(crate) fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Sends it SIGKILL. Says whether it was running until then.
    pub(crate) fn kill(&mut self) -> anyhow::Result<bool> {
        const SIGKILL: i32 = 9;
        if self.ended()?.is_some() {
            return Ok(false);
        }
        self.child.kill()?;
        Ok(self.child.wait()?.signal() == Some(SIGKILL))
    }

    /// Tells it to stop, and waits until it has, as it should.
    pub(crate) async fn stop(&mut self) -> anyhow::Result<()> {
        drop(self.stdin.take());
        self.stopped(Duration::from_secs(60)).await
    }

    /// Sends it SIGTERM, and waits until it has stopped, as it should. `None` where it had ended by
    /// itself, else how long it took.
    pub(crate) async fn terminate(&mut self, within: Duration) -> anyhow::Result<Option<Duration>> {
        if self.ended()?.is_some() {
            return Ok(None);
        }
        let told = Instant::now();
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        self.stopped(within).await?;
        Ok(Some(told.elapsed()))
    }

    async fn stopped(&mut self, within: Duration) -> anyhow::Result<()> {
        let told = Instant::now();
        loop {
            if let Some(status) = self.ended()? {
                ensure!(status.success(), "ended with {status} when told to stop");
                return Ok(());
            }
            if told.elapsed() > within {
                bail!("did not stop within {within:?}");
            }
            sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself, which is as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The Postgres of a run, with the process that takes it away at the end.
#[derive(Debug)]
pub(crate) struct Cluster {
    child: Child,
    stdin: Option<ChildStdin>,
    pub(crate) url: String,
}

impl Cluster {
    /// Starts it, and waits until it is up. An interrupt from the terminal goes past it: it has to
    /// clean up.
    fn start(command: &mut Command) -> anyhow::Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().context("it is piped")?;
        let mut cluster = Self {
            child,
            stdin,
            url: String::new(),
        };
        BufReader::new(stdout).read_line(&mut cluster.url)?;
        ensure!(!cluster.url.is_empty(), "Postgres did not start");
        cluster.url.truncate(cluster.url.trim_end().len());
        Ok(cluster)
    }

    /// This program as the one that keeps the cluster.
    pub(crate) fn start_own() -> anyhow::Result<Self> {
        Self::start(Command::new(std::env::current_exe()?).arg("cluster"))
    }

    /// Makes a database, and gives its URL.
    pub(crate) async fn create(&self, name: &'static str) -> anyhow::Result<String> {
        let mut connection = PgConnection::connect(&self.url).await?;
        let sql = format!("CREATE DATABASE {name}");
        sqlx::query(AssertSqlSafe(sql))
            .execute(&mut connection)
            .await?;
        connection.close().await?;
        Ok(self.url.replacen("/postgres?", &format!("/{name}?"), 1))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // It stops the server and deletes its files, which takes a moment.
        drop(self.stdin.take());
        let _ = self.child.wait();
    }
}
