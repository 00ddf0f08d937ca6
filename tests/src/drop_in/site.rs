use std::process::{Command, Stdio};

use anyhow::Context;

use crate::Running;

/// A site that runs in a process of its own.
#[derive(Debug)]
pub struct Site {
    _running: Running,
    /// Its address.
    pub url: String,
}

impl Site {
    /// Starts a program that prints `site=` and its address. It reports to the service at
    /// `service`, if to any.
    ///
    /// # Errors
    ///
    /// When it does not print that.
    pub fn start(program: &str, service: &str) -> anyhow::Result<Self> {
        let mut command = Command::new(program);
        command
            .env("REFPORT_API_KEY", "rk_test")
            .env("REFPORT_BASE_URL", service)
            .stdout(Stdio::piped());
        let mut running = Running::start(&mut command)?;
        let url = running.values("site")?.remove("site");
        Ok(Self {
            _running: running,
            url: url.context("no address")?,
        })
    }
}
