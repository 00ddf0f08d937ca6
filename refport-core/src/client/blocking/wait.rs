use std::sync::mpsc;

use tokio::runtime::Handle;

use crate::{
    Error, TransportError,
    client::place::{no_thread, own_runtime},
};

/// Runs a call to its end on this crate's thread, while the caller's waits.
pub(super) fn wait<T: Send + 'static>(
    call: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    let runtime = own_runtime().map_err(no_thread)?;
    if Handle::try_current().is_ok_and(|current| current.id() == runtime.id()) {
        return Err(Error::Blocking);
    }
    let (sender, answer) = mpsc::sync_channel(1);
    runtime.spawn(async move {
        // Nobody hears it where the caller's thread has ended.
        let _ = sender.send(call.await);
    });
    answer.recv().unwrap_or_else(|_| {
        let why = "a layer or a hook panicked";
        Err(Error::Transport(TransportError::broken(why)))
    })
}
