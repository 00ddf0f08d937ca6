use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use refport_server::{Config, NewPartner, Store, router, serve};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};

/// A Refport server that is not the shop's own, and can be stopped and started again at the same
/// address. It has one partner, whose link leads to a site of the test's.
#[derive(Debug)]
pub struct Service {
    address: String,
    database: PathBuf,
    api_key: String,
    running: Option<(oneshot::Sender<()>, JoinHandle<std::io::Result<()>>)>,
}

impl Service {
    /// The key of the partner's link.
    const LINK_KEY: &str = "demo";

    /// Starts one on a free port with its data in `folder`. The partner's link leads to
    /// `destination`.
    ///
    /// # Errors
    ///
    /// When it cannot be set up.
    pub async fn start(folder: &Path, destination: &str) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let database = folder.join("service.db");
        let store = open(&database)?;
        let api_key = store.init()?.api_key;
        let ada = NewPartner::new("ada@example.com", "Ada").key(Self::LINK_KEY);
        store.add_partner(ada.destination(destination))?;
        let mut service = Self {
            address: listener.local_addr()?.to_string(),
            database,
            api_key,
            running: None,
        };
        service.serve(listener, store);
        Ok(service)
    }

    /// Its address, as in `http://127.0.0.1:4800`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A key to it.
    #[must_use]
    pub fn api_key(&self) -> &str {
        &self.api_key
    }

    /// The partner's link.
    #[must_use]
    pub fn link(&self) -> String {
        format!("{}/r/{}", self.url(), Self::LINK_KEY)
    }

    /// Stops it, and waits until nobody listens at its address.
    ///
    /// # Errors
    ///
    /// When it is stopped already, or was broken.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        let (stop, task) = self.running.take().context("it is stopped already")?;
        drop(stop);
        task.await??;
        self.is_gone().await
    }

    /// Makes sure that nobody listens at its address.
    ///
    /// # Errors
    ///
    /// When somebody does.
    pub async fn is_gone(&self) -> anyhow::Result<()> {
        let connected = TcpStream::connect(&self.address).await;
        ensure!(connected.is_err(), "{} still listens", self.address);
        Ok(())
    }

    /// Starts it again.
    ///
    /// # Errors
    ///
    /// When its address was taken meanwhile.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        let listener = TcpListener::bind(&self.address).await?;
        let store = open(&self.database)?;
        self.serve(listener, store);
        Ok(())
    }

    fn serve(&mut self, listener: TcpListener, store: Store) {
        let (stop, stopped) = oneshot::channel::<()>();
        let app = router(store, Config::new(self.url()));
        let stopped = async move {
            // The other end is only ever dropped.
            let _ = stopped.await;
        };
        let task = tokio::spawn(serve(listener, app, stopped));
        self.running = Some((stop, task));
    }
}

fn open(database: &Path) -> anyhow::Result<Store> {
    Ok(Store::open(&format!("sqlite://{}", database.display()))?)
}
