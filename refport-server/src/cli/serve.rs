use std::{future::Future, net::SocketAddr, time::Duration};

use anyhow::{Context, bail};
use refport_server::{Config, Store, router, serve};
use tokio::{net::TcpListener, signal};

use super::{Migrate, ServeArgs, Strict};

/// How long a server that stops goes on to write clicks.
const DRAIN: Duration = Duration::from_secs(10);

pub(super) async fn run(args: ServeArgs) -> anyhow::Result<()> {
    let store = match args.migrate {
        Migrate::Auto => Store::open_existing(&args.database.database)?,
        Migrate::Off => Store::open_migrated(&args.database.database)?,
    };
    if !store.is_initialised()? {
        bail!("the database is empty; set it up with `refport-server init`");
    }
    let listener = TcpListener::bind(args.listen).await.with_context(|| {
        format!(
            "cannot listen on {}; choose another with --listen",
            args.listen
        )
    })?;
    let address = listener.local_addr()?;
    let public_url = public_url(args.public_url, address)?;
    let mut config = Config::new(&public_url);
    if let Some(per_second) = args.rate_limit {
        config = config.rate_limit(per_second);
    }
    tracing::info!(%address, public_url, "listening");
    config = config
        .strict_refport(args.strict.contains(&Strict::Refport))
        .strict_partli(args.strict.contains(&Strict::Partli))
        .keep_refused(args.keep_refused);
    serve(listener, router(store.clone(), config), interrupted()?).await?;
    let left = store.close(DRAIN).await;
    if left > 0 {
        tracing::warn!(
            clicks = left,
            "stopped with clicks that are not counted; sales that name them are right all the same"
        );
    }
    tracing::info!("stopped");
    Ok(())
}

/// Where browsers reach the server: as told, or at the address listened on, where that is one.
fn public_url(given: Option<String>, address: SocketAddr) -> anyhow::Result<String> {
    match given {
        Some(url) => Ok(url),
        None if address.ip().is_unspecified() => {
            bail!(
                "{address} is no address for a browser; say with --public-url where the server is reached"
            )
        }
        None => Ok(format!("http://{address}")),
    }
}

/// Resolves at Ctrl-C or, on Unix, at SIGTERM.
fn interrupted() -> std::io::Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    let mut terminate = signal::unix::signal(signal::unix::SignalKind::terminate())?;
    Ok(async move {
        #[cfg(unix)]
        tokio::select! {
            _ = signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        #[cfg(not(unix))]
        let _ = signal::ctrl_c().await;
    })
}
