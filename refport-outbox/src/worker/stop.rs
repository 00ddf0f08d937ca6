use tokio::sync::watch;

/// Tells all lanes that it is time to stop.
#[derive(Debug)]
pub(super) struct Stop(watch::Sender<bool>);

impl Stop {
    pub(super) fn set(&self) {
        self.0.send_replace(true);
    }

    pub(super) async fn wait(&self) {
        let mut receiver = self.0.subscribe();
        // The sender is ours, so it cannot be gone.
        let _ = receiver.wait_for(|stopped| *stopped).await;
    }
}

impl Default for Stop {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}
