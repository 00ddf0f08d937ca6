use std::future::Future;

use refport_outbox::{
    Outbox,
    refport_core::{Client, ClientBuilder, Partli, Refport},
};
use tokio::signal;

use crate::{args::Work, failure::Usage, print::Printer};

/// The services for which keys are given.
#[derive(Default)]
pub(crate) struct Destinations {
    refport: Option<Refport>,
    partli: Option<Partli>,
}

pub(crate) fn destinations(args: &Work) -> Result<Destinations, Usage> {
    let refport = client(
        "refport",
        args.refport_key.as_deref().map(Refport::builder),
        args.refport_key.as_deref(),
        args.refport_url.as_deref(),
        args.refport_allow_http,
    )?;
    let partli = client(
        "partli",
        args.partli_key.as_deref().map(Partli::builder),
        args.partli_key.as_deref(),
        args.partli_url.as_deref(),
        args.partli_allow_http,
    )?;
    if refport.is_none() && partli.is_none() {
        return Err(Usage(
            "there is nowhere to deliver to: give --refport-key or REFPORT_API_KEY, or \
             --partli-key or PARTLI_API_KEY"
                .into(),
        ));
    }
    Ok(Destinations { refport, partli })
}

/// A client with the settings that suit an outbox, unless it has no key. A variable that is set to
/// nothing counts as not set.
fn client<C: Client>(
    service: &str,
    builder: Option<ClientBuilder<C>>,
    key: Option<&str>,
    url: Option<&str>,
    allow_http: bool,
) -> Result<Option<C>, Usage> {
    let Some(mut builder) = builder.filter(|_| key.is_some_and(|key| !key.trim().is_empty()))
    else {
        return Ok(None);
    };
    if let Some(url) = url.filter(|url| !url.trim().is_empty()) {
        builder = builder.base_url(url);
    }
    // The worker repeats by itself, over a longer time.
    let built = builder.allow_http(allow_http).max_attempts(1).build();
    built.map(Some).map_err(|error| {
        let cause = std::error::Error::source(&error);
        let cause = cause.map(|cause| format!(": {cause}")).unwrap_or_default();
        Usage(format!(
            "--{service}-key or --{service}-url: {error}{cause}"
        ))
    })
}

pub(crate) async fn work(
    outbox: &Outbox,
    destinations: Option<Destinations>,
    args: &Work,
    printer: &Printer,
) -> anyhow::Result<()> {
    let mut builder = outbox.worker();
    let Destinations { refport, partli } = destinations.unwrap_or_default();
    if let Some(refport) = refport {
        builder = builder.deliver_to(refport);
        if args.refport_repeat_leads {
            builder = builder.repeat_leads_to("refport");
        }
    }
    if let Some(partli) = partli {
        builder = builder.deliver_to(partli);
    }
    if let Some(deliveries) = args.concurrency {
        builder = builder.concurrency(deliveries);
    }
    if let Some(attempts) = args.max_attempts {
        builder = builder.max_attempts(attempts);
    }
    if let Some(time) = args.stop_within {
        builder = builder.stop_within(time);
    }
    let mut worker = builder.build().map_err(|error| Usage(error.to_string()))?;
    let report = if args.drain {
        worker.drain().await?
    } else {
        let interrupted = interrupted()?;
        tracing::info!("delivering");
        worker.run(interrupted).await?
    };
    printer.answer(&report, ToString::to_string)?;
    Ok(())
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
