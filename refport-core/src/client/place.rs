//! Where the calls of a client run.

use std::{
    io,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use tokio::{
    runtime::{Builder, Handle},
    task::{JoinError, JoinHandle, yield_now},
};

use super::call::Repeat;
use crate::error::{Error, TransportError};

/// The runtime on which the calls of a client run. A call is a task there: it goes on when nobody waits
/// for it any more, as when a buyer leaves and the handler is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A thread of this crate's own, one for all clients of the process. A connection belongs to the
    /// runtime that made it, so that on a caller's a busy worker would hold up the calls of another,
    /// and a runtime that ends would take connections with it that others use.
    Own,
    /// The caller's: for a transport of the caller's own, whose time may be a test's.
    Callers,
}

/// Who waits for a call.
#[derive(Clone, Debug, Default)]
pub(super) struct Caller(Arc<AtomicBool>);

impl Caller {
    /// Whether nobody waits any more.
    pub(super) fn is_gone(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The caller's end of it.
struct Waiting(Caller);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

/// A call on its way.
pub(super) struct Running<T> {
    way: Way<T>,
    waiting: Waiting,
}

enum Way<T> {
    Task(JoinHandle<Result<T, Error>>),
    /// On another executor than tokio's, on which nothing can be spawned.
    Here(Pin<Box<dyn Future<Output = Result<T, Error>> + Send>>),
}

impl Place {
    /// Begins a call there. It is no part of the future that waits for it, which so is a small one.
    ///
    /// One that is not to be repeated looks at the connections first.
    pub(super) fn begin<T: Send + 'static>(
        self,
        caller: Caller,
        repeat: Repeat,
        call: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<Running<T>, Error> {
        let way = match self {
            Self::Own => {
                let runtime = own_runtime().map_err(no_thread)?;
                Way::Task(match repeat {
                    Repeat::Always => runtime.spawn(call),
                    Repeat::IfUnseen => runtime.spawn(async {
                        notice_closed_connections().await;
                        call.await
                    }),
                })
            }
            Self::Callers => match Handle::try_current() {
                Ok(runtime) => Way::Task(runtime.spawn(call)),
                Err(_) => Way::Here(Box::pin(call)),
            },
        };
        let waiting = Waiting(caller);
        Ok(Running { way, waiting })
    }
}

impl<T> Running<T> {
    /// Waits for its end.
    pub(super) async fn end(self) -> Result<T, Error> {
        let Self { way, waiting } = self;
        let end = pin!(way.end());
        // Dropped first, where the caller is: a call that ends with it then knows.
        let _waiting = waiting;
        end.await
    }
}

impl<T> Way<T> {
    async fn end(self) -> Result<T, Error> {
        match self {
            Self::Task(task) => task.await.unwrap_or_else(|end| Err(cut(end))),
            Self::Here(call) => call.await,
        }
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
