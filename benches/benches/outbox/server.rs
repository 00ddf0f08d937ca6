//! The service of this bench: a process that takes every sale, and counts them.

use std::{
    convert::Infallible,
    io::{self, Read},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::oneshot,
};

/// What Refport's documentation shows.
const ANSWER: &[u8] = br#"{"eventName":"Purchase","customer":{"id":"cus_1","externalId":"user_001"},"sale":{"id":"sale_1","amount":4900,"currency":"usd","commissionAmount":490,"status":"pending","invoiceId":"in_1"}}"#;

/// Prints its URL, takes sales until the parent closes our standard input, and prints how many.
pub(super) async fn taking() -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}", listener.local_addr()?);
    let taken = Arc::new(AtomicU64::new(0));
    let accepting = async {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, Arc::clone(&taken)));
        }
    };
    tokio::select! {
        () = accepting => {}
        () = parent_closes() => {}
    }
    println!("{}", taken.load(Ordering::Relaxed));
    Ok(())
}

/// Resolves when the parent closes our standard input.
pub(super) async fn parent_closes() {
    let (close, closed) = oneshot::channel::<()>();
    std::thread::spawn(move || {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        drop(close);
    });
    let _ = closed.await;
}

async fn serve(stream: TcpStream, taken: Arc<AtomicU64>) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| answer(request, &taken));
    // A client that goes away ends its connection with an error.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(
    request: Request<Incoming>,
    taken: &AtomicU64,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let is_allowed = request.headers().contains_key(header::AUTHORIZATION);
    let is_sale = request.uri().path() == "/api/track/sale";
    let body = request.into_body().collect().await;
    let has_body = body.is_ok_and(|body| !body.to_bytes().is_empty());
    let mut response = Response::new(Full::new(Bytes::from_static(ANSWER)));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    if is_allowed && is_sale && has_body {
        taken.fetch_add(1, Ordering::Relaxed);
    } else {
        *response.status_mut() = StatusCode::BAD_REQUEST;
    }
    Ok(response)
}
