//! Where the calls of a client run.

use std::{
    io,
    sync::{Mutex, PoisonError},
    thread,
};

use tokio::{
    runtime::{Builder, Handle},
    task::{JoinError, yield_now},
};

use crate::error::{Error, TransportError};

/// The runtime on which the calls of a client run. A call is a task there: it goes on when nobody waits
/// for it any more, as when a buyer leaves and the handler is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A thread of this crate's own, one for all clients of the process. A connection belongs to the
    /// runtime that made it, so that on a caller's a busy worker would hold up the calls of another,
    /// and a runtime that ends would take connections with it that others use.
    #[cfg_attr(
        not(feature = "reqwest"),
        expect(dead_code, reason = "of the default transport")
    )]
    Own,
    /// The caller's: for a transport of the caller's own, whose time may be a test's.
    Callers,
}

impl Place {
    /// Runs a call there, to its end.
    pub(super) async fn run<T: Send + 'static>(
        self,
        call: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        let task = match self {
            Self::Own => own_runtime().map_err(no_thread)?.spawn(async {
                notice_closed_connections().await;
                call.await
            }),
            Self::Callers => match Handle::try_current() {
                Ok(runtime) => runtime.spawn(call),
                // Another executor than tokio's, on which nothing can be spawned.
                Err(_) => return call.await,
            },
        };
        task.await.unwrap_or_else(|end| Err(cut(end)))
    }
}

/// The runtime of this crate's thread, which is started with the first call and never ends.
pub(crate) fn own_runtime() -> io::Result<Handle> {
    static RUNTIME: Mutex<Option<Handle>> = Mutex::new(None);
    let mut runtime = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(handle) = &*runtime {
        return Ok(handle.clone());
    }
    let made = Builder::new_current_thread().enable_all().build()?;
    let handle = made.handle().clone();
    thread::Builder::new()
        .name("refport".to_owned())
        .spawn(move || made.block_on(std::future::pending::<()>()))?;
    Ok(runtime.insert(handle).clone())
}

/// A call may be begun by the very turn in which a connection of the pool was found to be closed. The first
/// yield hears of it from the system, the second lets the connection's own task take it out.
async fn notice_closed_connections() {
    yield_now().await;
    yield_now().await;
}

/// As where there is no socket left for the connection.
pub(super) fn no_thread(error: io::Error) -> Error {
    Error::Transport(TransportError::connect(false, error))
}

/// Of a call that did not come to its end.
fn cut(end: JoinError) -> Error {
    let why = if end.is_panic() {
        "the transport, a layer or a hook panicked"
    } else {
        "the runtime ended"
    };
    Error::Transport(TransportError::broken(why))
}
