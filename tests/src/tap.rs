use std::sync::Arc;

use anyhow::Context;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// A forwarder that stands between a browser and a server of HTTP/1.1, and keeps what the browser
/// sends.
#[derive(Debug)]
pub struct Tap {
    port: u16,
    sent: watch::Receiver<Vec<u8>>,
}

impl Tap {
    /// Starts one on a free port before the server at `url`, as in `http://127.0.0.1:3000`.
    ///
    /// # Errors
    ///
    /// When it cannot listen.
    pub async fn start(url: &str) -> anyhow::Result<Self> {
        let server = url.strip_prefix("http://").context("not plain http")?;
        let server = server.to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let (keep, sent) = watch::channel(Vec::new());
        let keep = Arc::new(keep);
        tokio::spawn(async move {
            while let Ok((browser, _)) = listener.accept().await {
                tokio::spawn(forward(browser, server.clone(), Arc::clone(&keep)));
            }
        });
        Ok(Self { port, sent })
    }

    /// Its address by a name of the machine, as in `http://shop.localhost:3000`.
    #[must_use]
    pub fn url(&self, host: &str) -> String {
        format!("http://{host}:{}", self.port)
    }

    /// Waits until the browser has sent a request with this text in its head.
    ///
    /// # Errors
    ///
    /// When it does not within a minute.
    pub async fn until_sent(&self, text: &str) -> anyhow::Result<()> {
        let mut sent = self.sent.clone();
        let is_there = |sent: &Vec<u8>| String::from_utf8_lossy(sent).contains(text);
        let waiting = sent.wait_for(is_there);
        tokio::time::timeout(std::time::Duration::from_secs(60), waiting)
            .await
            .with_context(|| format!("the browser did not send {text}"))??;
        Ok(())
    }
}

/// A connection that breaks on one end ends on the other, which is all that matters.
async fn forward(
    browser: TcpStream,
    server: String,
    keep: Arc<watch::Sender<Vec<u8>>>,
) -> std::io::Result<()> {
    let server = TcpStream::connect(server).await?;
    let (mut from_browser, mut to_browser) = browser.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let answers = tokio::spawn(async move {
        tokio::io::copy(&mut from_server, &mut to_browser).await?;
        to_browser.shutdown().await
    });
    let mut bytes = vec![0; 16 * 1024];
    loop {
        let read = from_browser.read(&mut bytes).await?;
        if read == 0 {
            break;
        }
        keep.send_modify(|sent| sent.extend_from_slice(&bytes[..read]));
        to_server.write_all(&bytes[..read]).await?;
    }
    to_server.shutdown().await?;
    answers.await?
}
