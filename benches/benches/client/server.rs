//! The two servers of this bench: one answers every sale, one never answers.

use std::{
    convert::Infallible,
    io::{self, Read},
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

/// What Refport's documentation shows, with the fields that the peer's schema asks for.
const ANSWER: &[u8] = br#"{"eventName":"Purchase","customer":{"id":"cus_1","externalId":"user_001","email":"ada@example.com","name":"Ada","avatar":null},"sale":{"id":"sale_1","amount":4900,"currency":"usd","commissionAmount":490,"status":"pending","invoiceId":"inv_001","paymentProcessor":"stripe","metadata":null}}"#;

/// Answers sales until the parent closes our standard input.
pub(super) async fn answering() -> anyhow::Result<()> {
    let listener = announced().await?;
    let accepting = async {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    };
    until_parent_closes(accepting).await;
    Ok(())
}

/// Accepts and holds connections without a word; prints how many when the parent closes our
/// standard input.
pub(super) async fn dead() -> anyhow::Result<()> {
    let listener = announced().await?;
    let mut held = Vec::new();
    let accepting = async {
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
        }
    };
    until_parent_closes(accepting).await;
    println!("{}", held.len());
    Ok(())
}

async fn announced() -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}", listener.local_addr()?);
    Ok(listener)
}

async fn until_parent_closes(work: impl Future<Output = ()>) {
    let (close, closed) = oneshot::channel::<()>();
    std::thread::spawn(move || {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        drop(close);
    });
    tokio::select! {
        () = work => {}
        _ = closed => {}
    }
}

async fn serve(stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    // A client that goes away ends its connection with an error.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service_fn(answer))
        .await;
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let is_allowed = request.headers().contains_key(header::AUTHORIZATION);
    let is_sale = request.uri().path() == "/api/track/sale";
    let body = request.into_body().collect().await;
    let has_body = body.is_ok_and(|body| !body.to_bytes().is_empty());
    let mut response = Response::new(Full::new(Bytes::from_static(ANSWER)));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    if !(is_allowed && is_sale && has_body) {
        *response.status_mut() = StatusCode::BAD_REQUEST;
    }
    Ok(response)
}
