//! Runs chosen tests again and again beside busy cores, and names those that failed: a test that
//! fails now and then is found here, and not by a user.

mod busy;
mod output;

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::PathBuf,
    process::{Command, ExitCode},
    thread,
    time::Instant,
};

use anyhow::{Context, ensure};
use clap::Parser;

use self::{busy::Busy, output::Output};

/// What `--quick` leaves out: the tests that start a browser, a Postgres, or processes to kill.
const QUICK: [&str; 9] = [
    "--workspace",
    "--exclude=refport-outbox",
    "--exclude=refport-crash",
    "--exclude=axum-shop",
    "--exclude=actix-shop",
    "--",
    "--skip=in_a_browser",
    // One compiles what all runs share, the other builds documentation; neither has a clock.
    "--skip=the_readmes_programs",
    "--skip=the_public_api",
];

/// Runs tests many times beside busy cores and names those that failed.
#[derive(Debug, Parser)]
struct Arguments {
    /// How often.
    #[arg(long, default_value_t = 5)]
    times: u32,
    /// How many threads do nothing but take a core each. By default as many as there are cores.
    #[arg(long)]
    busy: Option<usize>,
    /// Everything but the tests that start a browser, a Postgres, or processes to kill.
    #[arg(long, conflicts_with = "tests")]
    quick: bool,
    /// What `cargo test` is told, as `-p refport-core --test it`. By default `--workspace`.
    #[arg(last = true)]
    tests: Vec<String>,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let tests = arguments.tests();
    let logs = PathBuf::from("target/repeat");
    fs::create_dir_all(&logs)?;
    let built = cargo(&tests, &["--no-run"]).status()?;
    ensure!(built.success(), "the tests do not compile");

    let cores = thread::available_parallelism()?.get();
    let busy = Busy::start(arguments.busy.unwrap_or(cores));
    let mut failures: BTreeMap<String, u32> = BTreeMap::new();
    for run in 1..=arguments.times {
        let log = logs.join(format!("run-{run}.log"));
        let begun = Instant::now();
        let (success, output) = run_once(&tests, &log)?;
        let seconds = begun.elapsed().as_secs();
        println!(
            "run {run} of {}: {} passed, {} failed, {seconds} s",
            arguments.times,
            output.passed,
            output.failed.len()
        );
        let mut failed = output.failed;
        if !success && failed.is_empty() {
            failed.insert("cargo test itself".to_owned());
        }
        for test in failed {
            println!("  FAILED {test}, see {}", log.display());
            *failures.entry(test).or_default() += 1;
        }
    }
    drop(busy);
    if failures.is_empty() {
        println!("no test failed in {} runs", arguments.times);
        return Ok(ExitCode::SUCCESS);
    }
    for (test, count) in failures {
        println!("{count} of {} runs: {test}", arguments.times);
    }
    Ok(ExitCode::FAILURE)
}

impl Arguments {
    fn tests(&self) -> Vec<&str> {
        if self.quick {
            QUICK.to_vec()
        } else if self.tests.is_empty() {
            vec!["--workspace"]
        } else {
            self.tests.iter().map(String::as_str).collect()
        }
    }
}

/// `cargo test` with these arguments, of which those after `--` are for the test programs.
fn cargo(tests: &[&str], besides: &[&str]) -> Command {
    let end = tests.iter().position(|argument| *argument == "--");
    let (own, programs) = tests.split_at(end.unwrap_or(tests.len()));
    let mut cargo = Command::new("cargo");
    cargo.arg("test").args(own).args(besides).args(programs);
    cargo
}

/// Both streams go into one file, so that a failure stands below the program that it is of.
fn run_once(tests: &[&str], log: &PathBuf) -> anyhow::Result<(bool, Output)> {
    let file = File::create(log).with_context(|| log.display().to_string())?;
    let status = cargo(tests, &["--no-fail-fast", "--color=never"])
        .stdout(file.try_clone()?)
        .stderr(file)
        .status()?;
    let text = String::from_utf8_lossy(&fs::read(log)?).into_owned();
    Ok((status.success(), Output::read(&text)))
}
