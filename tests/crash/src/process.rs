use std::{
    fs::File,
    io::{BufRead, BufReader},
    os::unix::process::{CommandExt, ExitStatusExt},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context, bail, ensure};
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
        const PATIENCE: Duration = Duration::from_secs(60);
        drop(self.stdin.take());
        let told = Instant::now();
        loop {
            if let Some(status) = self.ended()? {
                ensure!(status.success(), "ended with {status} when told to stop");
                return Ok(());
            }
            if told.elapsed() > PATIENCE {
                bail!("did not stop within {PATIENCE:?}");
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
    pub(crate) fn start(command: &mut Command) -> anyhow::Result<Self> {
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
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // It stops the server and deletes its files, which takes a moment.
        drop(self.stdin.take());
        let _ = self.child.wait();
    }
}
