use std::{
    env,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, bail};
use tempfile::TempDir;
use thirtyfour::{CapabilitiesHelper, ChromiumLikeCapabilities, DesiredCapabilities, WebDriver};

use crate::Running;

/// A headless Chromium with a fresh profile, and the ChromeDriver that drives it.
#[derive(Debug)]
pub struct Browser {
    /// What drives it.
    pub driver: WebDriver,
    _chromedriver: Running,
    _profile: TempDir,
}

impl Browser {
    /// Starts Debian's `chromium` and `chromedriver`. Where they are not installed, says so aloud
    /// and answers `None`; in CI (with `CI` set) that is an error.
    ///
    /// # Errors
    ///
    /// When they are there and do not start.
    pub async fn start() -> anyhow::Result<Option<Self>> {
        let (Some(chromium), Some(chromedriver)) = (find("chromium"), find("chromedriver")) else {
            if env::var_os("CI").is_some() {
                bail!(
                    "chromium or chromedriver is not installed, and CI must not skip the browser test"
                );
            }
            eprintln!(
                "skipped: chromium and chromedriver are not installed (apt-get install chromium chromium-driver)"
            );
            return Ok(None);
        };
        let (running, port) = start_chromedriver(&chromedriver)?;
        let profile = tempfile::tempdir()?;
        let mut capabilities = DesiredCapabilities::chrome();
        capabilities.accept_insecure_certs(true)?; // the tests make their own certificates
        capabilities.set_binary(&chromium.to_string_lossy())?;
        for argument in ARGUMENTS {
            capabilities.add_arg(argument)?;
        }
        capabilities.add_arg(&format!("--user-data-dir={}", profile.path().display()))?;
        let driver = WebDriver::new(format!("http://127.0.0.1:{port}"), capabilities).await?;
        driver
            .set_implicit_wait_timeout(Duration::from_secs(60))
            .await?;
        Ok(Some(Self {
            driver,
            _chromedriver: running,
            _profile: profile,
        }))
    }

    /// Closes the browser.
    ///
    /// # Errors
    ///
    /// When it is gone already.
    pub async fn quit(self) -> anyhow::Result<()> {
        Ok(self.driver.quit().await?)
    }
}

/// Nothing but the test's own addresses is to be reached, and root may run it.
const ARGUMENTS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

fn find(program: &str) -> Option<PathBuf> {
    let paths = env::var_os("PATH")?;
    env::split_paths(&paths)
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}

/// On a free port, which it prints. The one that it is given for one version of IP may be taken for the other:
/// then it says so and exits, and is started again.
fn start_chromedriver(program: &PathBuf) -> anyhow::Result<(Running, u16)> {
    const TRIES: usize = 5;
    let mut said = Vec::new();
    for _ in 0..TRIES {
        let mut command = Command::new(program);
        let mut running = Running::start(command.arg("--port=0").stdout(Stdio::piped()))?;
        let stdout = running.stdout().context("stdout was not piped")?;
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                return Ok((running, port.trim_end_matches('.').parse()?));
            }
            said.push(line);
        }
    }
    bail!("chromedriver did not start: {}", said.join(" "))
}
