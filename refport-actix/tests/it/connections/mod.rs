//! Real connections: HTTP/1.1 and HTTP/2, in the clear and over TLS, with the cookies split over
//! several fields (RFC 9113, 8.2.3) and with far too many of them.

mod client;

use std::net::SocketAddr;

use actix_web::{
    App, HttpRequest, HttpServer,
    http::header::COOKIE,
    web::{self, ServiceConfig},
};
use http::{StatusCode, header::SET_COOKIE};
use refport_actix::{CaptureMiddleware, ClickId, ClickIdMiddleware};

use self::client::{Answer, Certificate, Protocol};

/// `/with` and `/without` our middlewares: the version, how many cookie fields came, and the ID.
fn routes(app: &mut ServiceConfig) {
    let handler = async |request: HttpRequest, id: Option<ClickId>| {
        let fields = request.headers().get_all(COOKIE).count();
        let id = id.map_or("-".to_owned(), |id| id.to_string());
        format!("{:?} {fields} {id}", request.version())
    };
    let with = web::scope("/with")
        .wrap(CaptureMiddleware::new())
        .wrap(ClickIdMiddleware::new());
    app.route("/without", web::get().to(handler))
        .service(with.default_service(web::to(handler)));
}

/// Serves over TLS until the test ends.
fn serve_tls(certificate: &Certificate) -> SocketAddr {
    let server = HttpServer::new(|| App::new().configure(routes));
    let server = server
        .workers(1)
        .disable_signals()
        .bind_rustls_0_23("127.0.0.1:0", certificate.server())
        .unwrap();
    let address = server.addrs()[0];
    actix_web::rt::spawn(server.run());
    address
}

/// The servers of all protocols, with actix's own limits.
struct Servers {
    certificate: Certificate,
    plain: SocketAddr,
    tls: SocketAddr,
}

impl Servers {
    fn start() -> Self {
        let certificate = Certificate::make();
        Self {
            plain: crate::serve(routes),
            tls: serve_tls(&certificate),
            certificate,
        }
    }

    async fn get(
        &self,
        protocol: Protocol,
        uri: &str,
        cookies: &[&str],
    ) -> Result<Answer, hyper::Error> {
        let address = if protocol.is_tls() {
            self.tls
        } else {
            self.plain
        };
        client::get(protocol, address, &self.certificate, uri, cookies).await
    }
}

fn version(protocol: Protocol) -> &'static str {
    if protocol.is_h2() {
        "HTTP/2.0"
    } else {
        "HTTP/1.1"
    }
}

const CRUMBS: [&str; 4] = ["theme=dark", "a=b", "refp_id=clk_1", "z=1"];

#[actix_web::test]
async fn a_split_cookie_is_read_on_every_protocol() {
    let servers = Servers::start();
    for protocol in Protocol::ALL {
        for path in ["/with", "/without"] {
            let answer = servers.get(protocol, path, &CRUMBS).await.unwrap();
            assert_eq!(answer.body, format!("{} 4 clk_1", version(protocol)));
        }
    }
}

#[actix_web::test]
async fn a_landing_request_writes_the_cookie_and_knows_https() {
    let servers = Servers::start();
    for protocol in Protocol::ALL {
        let uri = "/with?refp_id=clk_2";
        let answer = servers.get(protocol, uri, &CRUMBS).await.unwrap();
        assert_eq!(answer.body, format!("{} 4 clk_2", version(protocol)));
        let secure = if protocol.is_tls() { "Secure; " } else { "" };
        let want = format!("refp_id=clk_2; SameSite=Lax; {secure}Path=/; Max-Age=7776000");
        let cookies = answer.headers.get_all(SET_COOKIE).iter();
        let cookies: Vec<_> = cookies.map(|it| it.to_str().unwrap()).collect();
        assert_eq!(cookies.last(), Some(&&*want), "{protocol:?}");
    }
}

/// 100 kB of cookies, in one field or in several, of which the click's is the last.
fn many_cookies(fields: usize) -> Vec<String> {
    let mut cookies = vec![format!("a={}", "b".repeat(100_000 / fields - 2)); fields];
    cookies.last_mut().unwrap().push_str("; refp_id=clk_1");
    cookies
}

/// actix has room for 128 KiB of a head on HTTP/1.1, and for 16 MB on HTTP/2.
#[actix_web::test]
async fn a_hundred_kilobytes_of_cookies_are_read() {
    let servers = Servers::start();
    for protocol in Protocol::ALL {
        for fields in [1, 90] {
            let cookies = many_cookies(fields);
            let cookies: Vec<_> = cookies.iter().map(String::as_str).collect();
            for path in ["/with", "/without"] {
                let answer = servers.get(protocol, path, &cookies).await.unwrap();
                let want = format!("{} {fields} clk_1", version(protocol));
                assert_eq!(answer.body, want, "{protocol:?}");
            }
        }
    }
}

#[actix_web::test]
async fn what_the_server_does_about_more_than_it_has_room_for() {
    let servers = Servers::start();
    let cookies = format!("a={}; refp_id=clk_1", "b".repeat(150_000));
    for protocol in Protocol::ALL {
        let answer = servers.get(protocol, "/with", &[&cookies]).await;
        if protocol.is_h2() {
            assert_eq!(answer.unwrap().body, "HTTP/2.0 1 clk_1", "{protocol:?}");
        } else {
            assert!(is_refused(answer), "{protocol:?}");
        }
    }
}

/// A 431, or a connection that ended before the client had sent all and read it.
fn is_refused(answer: Result<Answer, hyper::Error>) -> bool {
    answer.map_or(true, |answer| {
        answer.status == StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
    })
}
