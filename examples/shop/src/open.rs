use std::{
    fs,
    io::{self, IsTerminal as _},
};

use anyhow::Context as _;
use refport_outbox::Outbox;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

use crate::{
    Args, Shop, ShopStore,
    backend::Backend,
    delivery::Delivery,
    embedded,
    listen::{listen, origin},
    runner::{Runner, stop_on_signal},
};

/// A shop that is ready to serve.
#[derive(Debug)]
pub struct Opened {
    /// What the handlers need.
    pub shop: Shop,
    /// Where to serve it.
    pub listener: TcpListener,
    /// What runs the server.
    pub runner: Runner,
}

/// Opens the shop: its data, its socket, and its client of the service that `REFPORT_API_KEY`
/// belongs to. Without that variable a Refport server is started in this process. Reports that an
/// earlier process left behind are delivered from now on.
///
/// # Errors
///
/// When an address is in use, the data cannot be opened, or a variable is wrong. The message is
/// for whoever started the shop.
pub async fn open(args: Args) -> anyhow::Result<Opened> {
    log_to_stderr();
    let stop = CancellationToken::new();
    stop_on_signal(stop.clone())?;
    let listener = listen(args.listen, "--listen").await?;
    let origin = origin(&listener)?;
    fs::create_dir_all(&args.data)
        .with_context(|| format!("cannot make the folder {}, see --data", args.data.display()))?;
    let store = ShopStore::open(&args.data.join("shop.db")).await?;
    let outbox = Outbox::new(store.pool());
    outbox.migrate().await?;

    let backend = if Backend::is_in_env() {
        Backend::from_env()?
    } else {
        let listener = listen(args.refport_listen, "--refport-listen").await?;
        embedded::start(listener, &args.data, &origin)?
    };
    let delivery = Delivery::start(&outbox, backend.refport.clone())?;
    Ok(Opened {
        listener,
        runner: Runner {
            stop,
            delivery,
            addresses: addresses(&origin, &backend),
            refport_server: backend.own.map(|own| own.running),
        },
        shop: Shop {
            store,
            outbox,
            refport: backend.refport,
            partner_email: args.partner,
            refport_base: backend.base,
        },
    })
}

/// The lines to print when all is running.
fn addresses(origin: &str, backend: &Backend) -> Vec<(&'static str, String)> {
    let shop = ("shop", format!("{origin}/"));
    let portal = ("portal", format!("{origin}/partner"));
    let api = ("api", backend.base.clone());
    match &backend.own {
        None => vec![shop, portal, api],
        Some(own) => {
            let referral = ("referral", own.referral.clone());
            let api_key = ("api_key", own.api_key.clone());
            vec![shop, referral, portal, api, api_key]
        }
    }
}

fn log_to_stderr() {
    let filter = EnvFilter::builder()
        .with_default_directive(LevelFilter::INFO.into())
        .from_env_lossy();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .init();
}
