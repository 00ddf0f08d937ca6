//! The client under test, and the calls that an application would write without it.

use std::{str::FromStr, time::Duration};

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use http::{
    Request, Uri,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use refport_core::{ClickId, Refport, RefportBuilder, Sale, SaleResponse};
use tokio::runtime::Handle;

const KEY: &str = "rk_test_0123456789abcdef0123456789abcdef";

/// Who reports the sale.
#[derive(Clone, Debug)]
pub(super) enum Caller {
    Refport(Box<Refport>),
    /// reqwest as its documentation shows it, with the settings of our default transport.
    Bare(reqwest::Client, String),
    /// The same, on a thread of its own, as our client drives its connections.
    Driven(reqwest::Client, String, Handle),
    /// The pool on which reqwest stands, without TLS and proxies.
    Hyper(Box<Client<HttpConnector, Full<Bytes>>>, Uri),
}

impl Caller {
    pub(super) fn new(who: &str, url: &str) -> anyhow::Result<Self> {
        Ok(match who {
            "refport" => Self::refport(Refport::builder(KEY).base_url(url))?,
            "bare" => Self::bare(url, Duration::from_secs(3))?,
            "driven" => {
                let client = bare_client(Duration::from_secs(3))?;
                Self::Driven(
                    client,
                    format!("{url}/api/track/sale"),
                    thread_of_its_own()?,
                )
            }
            "hyper" => {
                let url = format!("{url}/api/track/sale").parse()?;
                Self::Hyper(Box::new(hyper_client()), url)
            }
            _ => bail!("there is no caller `{who}`"),
        })
    }

    /// As patient as a test needs that waits for an answer that does not come.
    pub(super) fn patient(who: &str, url: &str) -> anyhow::Result<Self> {
        const LONG: Duration = Duration::from_secs(600);
        let builder = Refport::builder(KEY)
            .connect_timeout(LONG)
            .attempt_timeout(LONG)
            .total_timeout(LONG);
        match who {
            "parked" => Self::refport(builder.transport(tower::service_fn(|_| never()))),
            "refport" => Self::refport(builder.base_url(url)),
            "bare" => Self::bare(url, LONG),
            _ => bail!("there is no patient caller `{who}`"),
        }
    }

    fn bare(url: &str, connect_timeout: Duration) -> anyhow::Result<Self> {
        let client = bare_client(connect_timeout)?;
        Ok(Self::Bare(client, format!("{url}/api/track/sale")))
    }

    fn refport(builder: RefportBuilder) -> anyhow::Result<Self> {
        Ok(Self::Refport(Box::new(builder.build()?)))
    }

    pub(super) async fn sale(&self) -> anyhow::Result<SaleResponse> {
        Ok(match self {
            Self::Refport(refport) => {
                let outcome = refport.track.sale(sale()).await?;
                outcome
                    .accepted()
                    .context("a sale of something is accepted")?
            }
            Self::Bare(client, url) => bare_sale(client.clone(), url.clone()).await?,
            Self::Driven(client, url, thread) => {
                let call = bare_sale(client.clone(), url.clone());
                thread.spawn(call).await??
            }
            Self::Hyper(client, url) => {
                let request = Request::post(url)
                    .header(AUTHORIZATION, format!("Bearer {KEY}"))
                    .header(CONTENT_TYPE, "application/json")
                    .body(serde_json::to_vec(&sale())?.into())?;
                let answer = client.request(request).await?;
                ensure!(answer.status().is_success(), "{}", answer.status());
                serde_json::from_slice(&answer.into_body().collect().await?.to_bytes())?
            }
        })
    }
}

async fn bare_sale(client: reqwest::Client, url: String) -> reqwest::Result<SaleResponse> {
    let request = client.post(url).bearer_auth(KEY).json(&sale());
    request.send().await?.error_for_status()?.json().await
}

fn thread_of_its_own() -> anyhow::Result<Handle> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let handle = runtime.handle().clone();
    std::thread::spawn(move || runtime.block_on(std::future::pending::<()>()));
    Ok(handle)
}

async fn never() -> Result<http::Response<Bytes>, std::convert::Infallible> {
    std::future::pending().await
}

fn bare_client(connect_timeout: Duration) -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .connect_timeout(connect_timeout)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .user_agent("refport-rust/0.1.0")
        .build()
}

fn hyper_client() -> Client<HttpConnector, Full<Bytes>> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(Duration::from_secs(3)));
    Client::builder(TokioExecutor::new()).build(connector)
}

fn sale() -> Sale {
    let click_id = ClickId::from_str("clk_01h455vb4pex5vsknk084sn02q").expect("a click ID");
    Sale::new(click_id, "user_001", 4900)
        .currency("usd")
        .event_name("Purchase")
        .invoice_id("inv_001")
        .payment_processor("stripe")
        .customer_email("ada@example.com")
}
