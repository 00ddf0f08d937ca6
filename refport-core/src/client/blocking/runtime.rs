use std::{
    io,
    sync::{Arc, OnceLock},
};

use tokio::{
    runtime::{self, Builder, Handle},
    task::yield_now,
};

use crate::{Error, TransportError};

/// The runtime of a client and all its clones, made with the first call.
#[derive(Clone, Debug, Default)]
pub(super) struct Runtime(Arc<Owned>);

#[derive(Debug, Default)]
struct Owned(OnceLock<runtime::Runtime>);

#[derive(Debug, thiserror::Error)]
#[error("a blocking call within an async runtime: use `refport_core::Refport` there")]
struct WithinRuntime;

impl Runtime {
    /// Runs a call to its end on this thread.
    pub(super) fn run<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        if Handle::try_current().is_ok() {
            let error = TransportError::connect(false, WithinRuntime);
            return Err(Error::Transport(error));
        }
        let runtime = self.0.get_or_make().map_err(|error| {
            // As where there is no socket left for the connection.
            Error::Transport(TransportError::connect(false, error))
        })?;
        runtime.block_on(async {
            notice_closed_connections().await;
            call.await
        })
    }
}

impl Owned {
    fn get_or_make(&self) -> io::Result<&runtime::Runtime> {
        if let Some(runtime) = self.0.get() {
            return Ok(runtime);
        }
        let made = Builder::new_current_thread().enable_all().build()?;
        Ok(self.0.get_or_init(|| made))
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // A plain drop waits, and panics where the last clone goes within a runtime.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Nothing runs between two calls, so a connection that the service closed meanwhile still stands
/// in the pool. The first yield hears of it from the system, the second lets the connection's own
/// task take it out.
async fn notice_closed_connections() {
    yield_now().await;
    yield_now().await;
}
