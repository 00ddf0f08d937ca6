//! The peer: the `dub` SDK on Node, installed for one run.

use std::{
    fs,
    io::ErrorKind,
    process::{Command, Stdio},
};

use anyhow::Context;
use refport_bench::child;
use tempfile::TempDir;

use super::runs::Calls;

const PACKAGE: &str = include_str!("../../peers/dub/package.json");
const SCRIPT: &str = include_str!("../../peers/dub/sale.mjs");

/// An installed peer, in a folder that goes when this is dropped.
#[derive(Debug)]
pub(super) struct Dub(TempDir);

impl Dub {
    /// Installs it, or says why it cannot be.
    pub(super) fn install() -> anyhow::Result<Result<Self, String>> {
        if !is_there("node") || !is_there("npm") {
            return Ok(Err("node and npm are not here".to_owned()));
        }
        let folder = tempfile::tempdir()?;
        fs::write(folder.path().join("package.json"), PACKAGE)?;
        fs::write(folder.path().join("sale.mjs"), SCRIPT)?;
        let installed = Command::new("npm")
            .args(["install", "--no-package-lock", "--ignore-scripts"])
            .args(["--no-audit", "--no-fund", "--loglevel=error"])
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .status()
            .context("starting npm")?;
        Ok(if installed.success() {
            Ok(Self(folder))
        } else {
            Err(format!("npm install ended with {installed}"))
        })
    }

    pub(super) fn run(&self, url: &str, calls: u64, in_flight: u64) -> anyhow::Result<Calls> {
        child::report(
            Command::new("node")
                .arg("sale.mjs")
                .args([url, &calls.to_string(), &in_flight.to_string()])
                .current_dir(self.0.path()),
        )
    }
}

fn is_there(program: &str) -> bool {
    let ran = Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    !matches!(ran, Err(error) if error.kind() == ErrorKind::NotFound)
}
