use std::{
    collections::HashMap,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

use anyhow::Context;

/// A program in a process of its own, stopped when dropped.
#[derive(Debug)]
pub struct Running(Child);

impl Running {
    /// Starts it.
    ///
    /// # Errors
    ///
    /// When the program cannot be started.
    pub fn start(command: &mut Command) -> anyhow::Result<Self> {
        let program = command.get_program().to_owned();
        let child = command
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        Ok(Self(child))
    }

    /// Reads its `name=value` lines until `last` has come.
    ///
    /// # Errors
    ///
    /// When it ends before that.
    pub fn values(&mut self, last: &str) -> anyhow::Result<HashMap<String, String>> {
        let stdout = self.stdout().context("stdout was not piped")?;
        let mut values = HashMap::new();
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            let (name, value) = line
                .split_once('=')
                .with_context(|| format!("no name=value: {line}"))?;
            values.insert(name.to_owned(), value.to_owned());
            if name == last {
                return Ok(values);
            }
        }
        anyhow::bail!("the program ended before it printed `{last}=`")
    }

    /// Its standard output, where that was piped and not taken yet.
    pub(crate) fn stdout(&mut self) -> Option<ChildStdout> {
        self.0.stdout.take()
    }

    /// Kills it as a crash would, and waits until it is gone.
    ///
    /// # Errors
    ///
    /// When the system cannot.
    pub fn kill(mut self) -> anyhow::Result<()> {
        self.0.kill()?;
        self.0.wait()?;
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An example shop that runs, and the addresses it printed.
#[derive(Debug)]
pub struct Shop {
    running: Running,
    values: HashMap<String, String>,
}

impl Shop {
    /// Starts `program` on free ports with its data in `folder`, and an embedded server.
    ///
    /// # Errors
    ///
    /// When it does not print its addresses.
    pub fn start(program: &str, folder: &Path) -> anyhow::Result<Self> {
        let mut command = Self::command(program, folder);
        Self::run(command.env_remove("REFPORT_API_KEY"), "api_key")
    }

    /// Starts it with a service of its own choice.
    ///
    /// # Errors
    ///
    /// When it does not print its addresses.
    pub fn start_with_service(
        program: &str,
        folder: &Path,
        base_url: &str,
        api_key: &str,
    ) -> anyhow::Result<Self> {
        let mut command = Self::command(program, folder);
        let command = command
            .env("REFPORT_API_KEY", api_key)
            .env("REFPORT_BASE_URL", base_url);
        Self::run(command, "api")
    }

    fn command(program: &str, folder: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .args([
                "--listen",
                "127.0.0.1:0",
                "--refport-listen",
                "127.0.0.1:0",
                "--data",
            ])
            .arg(folder)
            .env("RUST_LOG", "warn")
            .stdout(Stdio::piped());
        command
    }

    fn run(command: &mut Command, last: &str) -> anyhow::Result<Self> {
        let mut running = Running::start(command)?;
        let values = running.values(last)?;
        Ok(Self { running, values })
    }

    /// What it printed under this name.
    ///
    /// # Panics
    ///
    /// When it printed no such name.
    #[must_use]
    pub fn value(&self, name: &str) -> &str {
        self.values
            .get(name)
            .unwrap_or_else(|| panic!("the shop printed no `{name}=`"))
    }

    /// Kills it as a crash would.
    ///
    /// # Errors
    ///
    /// When the system cannot.
    pub fn kill(self) -> anyhow::Result<()> {
        self.running.kill()
    }
}
