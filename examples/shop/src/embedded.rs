use std::{path::Path, time::Duration};

use anyhow::Context as _;
use refport_core::Refport;
use refport_server::{Config, NewPartner, Store};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    backend::{Backend, OwnServer},
    key_file,
    listen::origin,
    runner::RefportServer,
};

/// How long clicks that wait may be written once the server has stopped.
const CLICKS: Duration = Duration::from_secs(1);
/// The key of the demo partner's link.
const LINK_KEY: &str = "demo";

/// Starts a server on `listener` with its data in the folder `data`, and a demo partner whose
/// link leads to `shop`.
pub(crate) fn start(listener: TcpListener, data: &Path, shop: &str) -> anyhow::Result<Backend> {
    let base = origin(&listener)?;
    let store = open(&data.join("refport.db"))?;
    let api_key = api_key(&store, &data.join("api_key"))?;
    seed_partner(&store, &format!("{shop}/"))?;
    // This server counts a repeated lead once.
    let refport = Refport::builder(api_key.clone())
        .base_url(&base)
        .repeat_leads(true)
        .build()?;

    let stop = CancellationToken::new();
    let router = refport_server::router(store.clone(), Config::new(&base));
    let serving = refport_server::serve(listener, router, stop.clone().cancelled_owned());
    let task = tokio::spawn(async move {
        let served = serving.await;
        store.close(CLICKS).await;
        served
    });
    let own = OwnServer {
        running: RefportServer { task, stop },
        referral: format!("{base}/r/{LINK_KEY}"),
        api_key,
    };
    Ok(Backend {
        refport,
        base,
        own: Some(own),
    })
}

fn open(path: &Path) -> anyhow::Result<Store> {
    let path = std::path::absolute(path)?;
    let url = format!("sqlite://{}", path.display());
    Store::open(&url).with_context(|| format!("cannot open {}", path.display()))
}

/// The key in the file; a new one on the first start, and where the file is lost.
fn api_key(store: &Store, path: &Path) -> anyhow::Result<String> {
    let key = if !store.is_initialised()? {
        store.init()?.api_key
    } else if let Some(key) = key_file::read(path)? {
        return Ok(key);
    } else {
        store.create_api_key()?
    };
    key_file::write(path, &key).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(key)
}

/// Leads the demo partner's link to `destination`, adding the partner on the first start.
fn seed_partner(store: &Store, destination: &str) -> anyhow::Result<()> {
    if store.set_destination(LINK_KEY, destination).is_err() {
        let partner = NewPartner::new("ada@example.com", "Ada").key(LINK_KEY);
        store.add_partner(partner.destination(destination))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listen::listen;

    async fn start_in(data: &Path, shop: &str) -> OwnServer {
        let address = "127.0.0.1:0".parse().unwrap();
        let listener = listen(address, "--refport-listen").await.unwrap();
        start(listener, data, shop).unwrap().own.unwrap()
    }

    #[tokio::test]
    async fn a_restart_goes_on_with_the_same_key() {
        let folder = tempfile::tempdir().unwrap();
        let first = start_in(folder.path(), "http://127.0.0.1:3000").await;
        let second = start_in(folder.path(), "http://127.0.0.1:3001").await;
        assert_eq!(first.api_key, second.api_key);
        assert!(second.referral.ends_with("/r/demo"));

        std::fs::remove_file(folder.path().join("api_key")).unwrap();
        let third = start_in(folder.path(), "http://127.0.0.1:3000").await;
        assert_ne!(first.api_key, third.api_key);
    }
}
