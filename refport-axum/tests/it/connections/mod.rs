//! Real connections: HTTP/1.1 and HTTP/2, in the clear and over TLS, with the cookies split over
//! several fields (RFC 9113, 8.2.3) and with far too many of them.

mod client;

use std::{convert::Infallible, net::SocketAddr, sync::Arc};

use axum::{
    Router, ServiceExt,
    extract::Request,
    http::{
        StatusCode, Version,
        header::{COOKIE, HeaderMap, SET_COOKIE},
    },
    response::Response,
    routing::get,
};
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use refport_axum::{CaptureLayer, ClickId, ClickIdLayer};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tower::{Layer, Service};

use self::client::{Answer, Certificate, Protocol};

/// Answers the version, how many cookie fields came, and the ID.
fn routes() -> Router {
    let handler = async |version: Version, headers: HeaderMap, id: Option<ClickId>| {
        let fields = headers.get_all(COOKIE).iter().count();
        let id = id.map_or("-".to_owned(), |id| id.to_string());
        format!("{version:?} {fields} {id}")
    };
    Router::new().route("/", get(handler))
}

fn layered() -> Router {
    routes()
        .layer(CaptureLayer::new())
        .layer(ClickIdLayer::new())
}

/// Serves `app` until the test ends, with hyper's limits or with room for this much of headers.
async fn serve<S>(
    app: S,
    tls: Option<&Certificate>,
    max_header_list_size: Option<u32>,
) -> SocketAddr
where
    S: Service<hyper::Request<Incoming>, Response = Response, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = tls.map(|tls| TlsAcceptor::from(Arc::new(tls.server())));
    let mut server = auto::Builder::new(TokioExecutor::new());
    if let Some(size) = max_header_list_size {
        server.http2().max_header_list_size(size);
    }
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (server, acceptor) = (server.clone(), acceptor.clone());
            let app = TowerToHyperService::new(app.clone());
            tokio::spawn(async move {
                // How a connection ends is seen from the client's side.
                let _ = match acceptor {
                    Some(acceptor) => {
                        let stream = TokioIo::new(acceptor.accept(stream).await.unwrap());
                        server.serve_connection(stream, app).await
                    }
                    None => server.serve_connection(TokioIo::new(stream), app).await,
                };
            });
        }
    });
    address
}

fn version(protocol: Protocol) -> &'static str {
    if protocol.is_h2() {
        "HTTP/2.0"
    } else {
        "HTTP/1.1"
    }
}

const CRUMBS: [&str; 4] = ["theme=dark", "a=b", "refp_id=clk_1", "z=1"];

#[tokio::test]
async fn a_split_cookie_is_read_on_every_protocol() {
    let certificate = Certificate::make();
    let whole = CaptureLayer::new().layer(ClickIdLayer::new().layer(routes()));
    for protocol in Protocol::ALL {
        let tls = protocol.is_tls().then_some(&certificate);
        for address in [
            serve(routes(), tls, None).await,
            serve(layered(), tls, None).await,
            serve(whole.clone(), tls, None).await,
        ] {
            let answer = client::get(protocol, address, &certificate, "/", &CRUMBS)
                .await
                .unwrap();
            assert_eq!(answer.body, format!("{} 4 clk_1", version(protocol)));
        }
    }
}

#[tokio::test]
async fn a_landing_request_writes_the_cookie_and_knows_https_on_http2_only() {
    let certificate = Certificate::make();
    for protocol in Protocol::ALL {
        let tls = protocol.is_tls().then_some(&certificate);
        let address = serve(layered(), tls, None).await;
        let uri = "/?refp_id=clk_2";
        let answer = client::get(protocol, address, &certificate, uri, &CRUMBS)
            .await
            .unwrap();
        assert_eq!(answer.body, format!("{} 4 clk_2", version(protocol)));
        let secure = if protocol == Protocol::H2Tls {
            "Secure; "
        } else {
            ""
        };
        let want = format!("refp_id=clk_2; SameSite=Lax; {secure}Path=/; Max-Age=7776000");
        let cookies: Vec<_> = answer.headers.get_all(SET_COOKIE).iter().collect();
        assert_eq!(cookies, [&*want], "{protocol:?}");
    }
}

/// 100 kB of cookies, in one field or in a hundred, of which the click's is the last.
fn many_cookies(fields: usize) -> Vec<String> {
    let mut cookies = vec![format!("a={}", "b".repeat(100_000 / fields - 2)); fields];
    cookies.last_mut().unwrap().push_str("; refp_id=clk_1");
    cookies
}

#[tokio::test]
async fn a_hundred_kilobytes_of_cookies_are_read_where_the_server_lets_them_in() {
    let certificate = Certificate::make();
    for protocol in Protocol::ALL {
        let tls = protocol.is_tls().then_some(&certificate);
        for fields in [1, 90] {
            let cookies = many_cookies(fields);
            let cookies: Vec<_> = cookies.iter().map(String::as_str).collect();
            for app in [routes(), layered()] {
                let address = serve(app, tls, Some(256 * 1024)).await;
                let answer = client::get(protocol, address, &certificate, "/", &cookies)
                    .await
                    .unwrap();
                let want = format!("{} {fields} clk_1", version(protocol));
                assert_eq!(answer.body, want, "{protocol:?}");
            }
        }
    }
}

/// `axum::serve` has hyper's limits: some 400 kB of headers on HTTP/1.1, and 16 kB on HTTP/2.
#[tokio::test]
async fn what_a_default_server_does_about_too_many_cookies() {
    let certificate = Certificate::make();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let whole = ClickIdLayer::new().layer(routes());
    let app = ServiceExt::<Request>::into_make_service(whole);
    tokio::spawn(async move { axum::serve(listener, app).await });

    let get = async |protocol, bytes: usize| {
        let cookies = format!("a={}; refp_id=clk_1", "b".repeat(bytes));
        client::get(protocol, address, &certificate, "/", &[&cookies]).await
    };
    let answer = get(Protocol::Http1, 100_000).await.unwrap();
    assert_eq!(answer.body, "HTTP/1.1 1 clk_1");
    assert!(is_refused(get(Protocol::Http1, 500_000).await));

    let answer = get(Protocol::H2c, 10_000).await.unwrap();
    assert_eq!(answer.body, "HTTP/2.0 1 clk_1");
    let answer = get(Protocol::H2c, 20_000).await.unwrap();
    assert_eq!(answer.status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    // Far too much ends the whole connection.
    assert!(get(Protocol::H2c, 100_000).await.is_err());
}

/// A 431, or a connection that ended before the client had sent all and read it.
fn is_refused(answer: Result<Answer, hyper::Error>) -> bool {
    answer.map_or(true, |answer| {
        answer.status == StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
    })
}
