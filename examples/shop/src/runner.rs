use std::{
    fmt,
    future::Future,
    io::{self, Write as _},
    time::Duration,
};

use anyhow::Context as _;
use tokio::{
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::delivery::Delivery;

/// How long the shop may finish its requests after it was told to stop.
const SHOP_GRACE: Duration = Duration::from_secs(3);
/// How long its Refport server may, after that.
const REFPORT_GRACE: Duration = Duration::from_secs(2);

/// The Refport server in this process.
pub(crate) struct RefportServer {
    pub(crate) task: JoinHandle<io::Result<()>>,
    pub(crate) stop: CancellationToken,
}

/// Keeps the shop, its deliveries and the Refport server beside it running until Ctrl-C or SIGTERM.
#[must_use]
pub struct Runner {
    pub(crate) stop: CancellationToken,
    pub(crate) delivery: Delivery,
    pub(crate) refport_server: Option<RefportServer>,
    pub(crate) addresses: Vec<(&'static str, String)>,
}

impl Runner {
    /// Waits until the shop's server is to stop.
    pub fn stopping(&self) -> impl Future<Output = ()> + Send + use<> {
        self.stop.clone().cancelled_owned()
    }

    /// Prints the addresses and runs the shop's server to its end, then stops the deliveries and the
    /// Refport server.
    ///
    /// The listener must be bound already, so that the addresses are true when they are printed.
    ///
    /// # Errors
    ///
    /// When the shop's server fails, or the addresses cannot be printed.
    pub async fn run(self, server: impl Future<Output = io::Result<()>>) -> anyhow::Result<()> {
        print(&self.addresses).context("cannot print the addresses")?;
        let overdue = async {
            self.stop.cancelled().await;
            tracing::info!("stopping");
            sleep(SHOP_GRACE).await;
        };
        let result = tokio::select! {
            result = server => result.context("the shop's server failed"),
            () = overdue => {
                tracing::warn!("stopped with requests unfinished");
                Ok(())
            }
        };
        self.delivery.stop().await;
        if let Some(refport_server) = self.refport_server {
            refport_server.stop().await;
        }
        result
    }
}

/// Without the addresses: an API key is among them.
impl fmt::Debug for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner").finish_non_exhaustive()
    }
}

impl RefportServer {
    async fn stop(self) {
        self.stop.cancel();
        match timeout(REFPORT_GRACE, self.task).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the Refport server failed"
                );
            }
            Ok(Err(error)) => tracing::error!(%error, "the Refport server failed"),
            Err(_) => tracing::warn!("the Refport server stopped with requests unfinished"),
        }
    }
}

/// Prints `name=value` lines in one go, for people and programs alike.
fn print(addresses: &[(&str, String)]) -> io::Result<()> {
    let lines: String = addresses
        .iter()
        .map(|(name, value)| format!("{name}={value}\n"))
        .collect();
    let mut stdout = io::stdout().lock();
    stdout.write_all(lines.as_bytes())?;
    stdout.flush()
}

/// Cancels `stop` at Ctrl-C or SIGTERM. Both are caught from now on.
pub(crate) fn stop_on_signal(stop: CancellationToken) -> io::Result<()> {
    let signal = signal()?;
    tokio::spawn(async move {
        signal.await;
        stop.cancel();
    });
    Ok(())
}

#[cfg(unix)]
fn signal() -> io::Result<impl Future<Output = ()> + Send> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(windows)]
fn signal() -> io::Result<impl Future<Output = ()> + Send> {
    let mut interrupt = tokio::signal::windows::ctrl_c()?;
    Ok(async move {
        interrupt.recv().await;
    })
}
