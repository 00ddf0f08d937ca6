//! What loads a server: connections that are kept, with a request each at a time.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use http::{
    Request, Response, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE, HOST, LOCATION, USER_AGENT as AGENT},
};
use http_body_util::{BodyExt, Full};
use hyper::{
    body::Incoming,
    client::conn::http1::{SendRequest, handshake},
};
use hyper_util::rt::TokioIo;
use refport_bench::{
    load::{Run, in_flight},
    site::{PARTNERS, Sale, USER_AGENT, click_of},
    usage,
};
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;

/// What a load did.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Load {
    pub(super) run: Run,
    /// Redirects that were asked for, also before the run.
    pub(super) redirects: u64,
    /// Of each answer: the body, or where it leads.
    pub(super) bytes: u64,
}

type Body = Full<Bytes>;

/// A connection that one task at a time uses.
#[derive(Clone)]
struct Connection(Arc<tokio::sync::Mutex<SendRequest<Body>>>);

impl Connection {
    async fn to(address: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self(Arc::new(tokio::sync::Mutex::new(sender))))
    }

    async fn send(&self, request: Request<Body>) -> anyhow::Result<Response<Incoming>> {
        let mut sender = self.0.lock().await;
        sender.ready().await?;
        Ok(sender.send_request(request).await?)
    }

    async fn redirect(&self, request: Request<Body>) -> anyhow::Result<String> {
        let answer = self.send(request).await?;
        ensure!(answer.status() == StatusCode::FOUND, "{}", answer.status());
        let location = answer
            .headers()
            .get(LOCATION)
            .context("a redirect leads on")?;
        let location = location.to_str()?.to_owned();
        answer.into_body().collect().await?;
        Ok(location)
    }

    async fn sale(&self, request: Request<Body>) -> anyhow::Result<usize> {
        let answer = self.send(request).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        ensure!(
            status == StatusCode::OK,
            "{status}: {}",
            String::from_utf8_lossy(&body)
        );
        Ok(body.len())
    }
}

/// Connections for so many tasks.
struct Connections(Mutex<Vec<Connection>>);

impl Connections {
    async fn to(address: &str, count: usize) -> anyhow::Result<Self> {
        let mut made = Vec::new();
        for _ in 0..count {
            made.push(Connection::to(address).await?);
        }
        Ok(Self(Mutex::new(made)))
    }

    fn take(&self) -> Connection {
        let mut rest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rest.pop().expect("there is one for each task")
    }
}

/// Loads a server with sales, or with redirects.
pub(super) async fn load(
    what: &str,
    address: &str,
    process: u32,
    key: &str,
    requests: u64,
    tasks: usize,
) -> anyhow::Result<Load> {
    const WARM_UP: u64 = 2000;
    match what {
        "redirects" => {
            let (_, clicks) = follow(address, WARM_UP, tasks).await?;
            let warm_up = clicks.len() as u64;
            // They are written meanwhile.
            tokio::time::sleep(Duration::from_millis(200)).await;
            let cpu = usage::cpu_time_of(process)?;
            let (run, clicks) = follow(address, requests, tasks).await?;
            let server = usage::cpu_time_of(process)?.saturating_sub(cpu);
            let bytes: usize = clicks.iter().map(String::len).sum();
            Ok(Load {
                run: Run {
                    server_cpu_seconds: server.as_secs_f64(),
                    ..run
                },
                redirects: requests + warm_up,
                bytes: bytes as u64 / requests,
            })
        }
        "sales" => {
            let needed = requests / 2 + 1;
            let (_, clicks) = follow(address, needed, tasks).await?;
            let clicks: Vec<String> = clicks
                .iter()
                .map(|location| click_of(location))
                .collect::<anyhow::Result<_>>()?;
            tokio::time::sleep(Duration::from_millis(500)).await;
            let bodies = Sale::many(0, 0, requests);
            let bodies = bodies
                .into_iter()
                .map(|sale| sale.body(&clicks).to_string());
            let requests = bodies
                .map(|body| {
                    Ok(Request::post("/api/track/sale")
                        .header(HOST, address)
                        .header(AUTHORIZATION, format!("Bearer {key}"))
                        .header(CONTENT_TYPE, "application/json")
                        .body(Body::from(body))?)
                })
                .collect::<anyhow::Result<Vec<_>>>()?;
            let count = requests.len() as u64;
            let connections = Connections::to(address, tasks).await?;
            let bytes = Arc::new(AtomicU64::new(0));
            let caller = || {
                let (connection, bytes) = (connections.take(), Arc::clone(&bytes));
                move |request| {
                    let (connection, bytes) = (connection.clone(), Arc::clone(&bytes));
                    async move {
                        let length = connection.sale(request).await?;
                        bytes.fetch_add(length as u64, Ordering::Relaxed);
                        Ok(())
                    }
                }
            };
            let cpu = usage::cpu_time_of(process)?;
            let run = in_flight(requests, tasks, caller).await?;
            let server = usage::cpu_time_of(process)?.saturating_sub(cpu);
            Ok(Load {
                run: Run {
                    server_cpu_seconds: server.as_secs_f64(),
                    ..run
                },
                redirects: needed,
                bytes: bytes.load(Ordering::Relaxed) / count,
            })
        }
        _ => bail!("there is no load `{what}`"),
    }
}

/// Follows so many links, and gives where they led.
async fn follow(address: &str, count: u64, tasks: usize) -> anyhow::Result<(Run, Vec<String>)> {
    let request = |number: u64| {
        Ok(Request::get(format!("/r/partner-{}", number % PARTNERS))
            .header(HOST, address)
            .header(AGENT, USER_AGENT)
            .body(Body::default())?)
    };
    let requests = (0..count)
        .map(request)
        .collect::<anyhow::Result<Vec<_>>>()?;
    let connections = Connections::to(address, tasks).await?;
    let locations = Arc::new(Mutex::new(Vec::with_capacity(requests.len())));
    let caller = || {
        let (connection, locations) = (connections.take(), Arc::clone(&locations));
        move |request| {
            let (connection, locations) = (connection.clone(), Arc::clone(&locations));
            async move {
                let location = connection.redirect(request).await?;
                let mut all = locations.lock().unwrap_or_else(PoisonError::into_inner);
                all.push(location);
                Ok(())
            }
        }
    };
    let run = in_flight(requests, tasks, caller).await?;
    let mut locations = locations.lock().unwrap_or_else(PoisonError::into_inner);
    Ok((run, std::mem::take(&mut *locations)))
}
