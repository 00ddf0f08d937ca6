//! The bench itself as other processes, so that what is counted is the client alone.

use std::{
    env,
    io::{BufRead, BufReader, Read},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use anyhow::{Context, ensure};
use serde::de::DeserializeOwned;

/// This program again, in one of its other roles.
///
/// # Errors
///
/// When the program cannot be found any more.
pub fn this(arguments: &[&str]) -> anyhow::Result<Command> {
    let mut command = Command::new(env::current_exe()?);
    command.args(arguments);
    Ok(command)
}

/// Runs a command to its end and reads the JSON it prints.
///
/// # Errors
///
/// When it cannot be started, fails, or prints something else.
pub fn report<R: DeserializeOwned>(command: &mut Command) -> anyhow::Result<R> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("starting {}", command.get_program().display()))?;
    ensure!(
        output.status.success(),
        "a run ended with {}",
        output.status
    );
    serde_json::from_slice(&output.stdout).context("reading what a run reports")
}

/// What valgrind can count in a process, whatever else runs on the machine.
#[derive(Clone, Copy, Debug)]
pub enum Count {
    /// Instructions in user space.
    Instructions,
    /// How often memory was asked for, growing what there was included.
    Allocations,
}

impl Count {
    /// The tool that counts it.
    const fn tool(self) -> &'static [&'static str] {
        match self {
            Self::Instructions => &["--tool=callgrind", "--callgrind-out-file=/dev/null"],
            Self::Allocations => &["--tool=memcheck", "--undef-value-errors=no"],
        }
    }

    /// The text before the number in what the tool prints.
    const fn label(self) -> &'static str {
        match self {
            Self::Instructions => "Collected : ",
            Self::Allocations => "total heap usage: ",
        }
    }

    fn read(self, log: &str) -> anyhow::Result<u64> {
        let after = log.split_once(self.label()).map(|(_, after)| after);
        let number = after.and_then(|after| after.split_whitespace().next());
        let number = number.with_context(|| format!("no count from valgrind: {log}"))?;
        Ok(number.replace(',', "").parse()?)
    }
}

/// Counts in this program in another role, or gives `None` where there is no valgrind.
///
/// # Errors
///
/// When the program fails under valgrind.
pub fn count(what: Count, arguments: &[&str]) -> anyhow::Result<Option<u64>> {
    let output = Command::new("valgrind")
        .args(what.tool())
        .arg(env::current_exe()?)
        .args(arguments)
        .output();
    let Ok(output) = output else { return Ok(None) };
    let log = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "valgrind: {log}");
    what.read(&log).map(Some)
}

/// A server in a process of its own, which ends when this is dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    url: String,
}

impl Server {
    /// Starts this program as the server `role`, which prints its URL.
    ///
    /// # Errors
    ///
    /// When it does not start.
    pub fn start(role: &str) -> anyhow::Result<Self> {
        Self::start_with(&[role])
    }

    /// [`start`](Self::start) with more than a role. What is no server prints another first line.
    ///
    /// # Errors
    ///
    /// When it does not start.
    pub fn start_with(arguments: &[&str]) -> anyhow::Result<Self> {
        let mut child = this(arguments)?
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdin = child.stdin.take();
        let mut stdout = BufReader::new(child.stdout.take().context("it is piped")?);
        let mut url = String::new();
        stdout.read_line(&mut url)?;
        ensure!(!url.is_empty(), "the server printed no URL");
        Ok(Self {
            child,
            stdin,
            stdout,
            url: url.trim().to_owned(),
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Ends it, and gives what it has printed since its URL.
    ///
    /// # Errors
    ///
    /// When it was gone before.
    pub fn stop(mut self) -> anyhow::Result<String> {
        drop(self.stdin.take());
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest)?;
        Ok(rest)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself, which is as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How often a program, in another role of this one, makes one of these system calls, or `None`
/// where there is no strace.
///
/// # Errors
///
/// When the program fails, or strace may not look at it.
pub fn system_calls(calls: &str, arguments: &[&str]) -> anyhow::Result<Option<u64>> {
    // Other calls do not stop the program, so that it keeps its pace.
    let output = Command::new("strace")
        .args(["-f", "--seccomp-bpf", "-qq", "-e", "signal=none", "-e"])
        .arg(format!("trace={calls}"))
        .arg(env::current_exe()?)
        .args(arguments)
        .output();
    let Ok(output) = output else { return Ok(None) };
    let log = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "strace: {log}");
    // A call that another thread interrupts is told in two lines.
    let begun = log
        .lines()
        .filter(|line| line.contains('(') && !line.contains("resumed>"));
    Ok(Some(begun.count() as u64))
}
