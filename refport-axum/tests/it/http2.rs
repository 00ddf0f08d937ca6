//! HTTP/2 lets a client split the cookies over several fields (RFC 9113, 8.2.3).

use axum::{Router, routing::get};
use refport_axum::{ClickId, ClickIdLayer};
use tokio::net::{TcpListener, TcpStream};

#[tokio::test]
async fn a_split_cookie_is_read_over_a_real_connection() {
    let handler = async |id: Option<ClickId>| id.map_or("-".into(), |id| id.to_string());
    let app = || Router::new().route("/", get(handler));
    for app in [app(), app().layer(ClickIdLayer::new())] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await });

        let stream = TcpStream::connect(address).await.unwrap();
        let (mut client, connection) = h2::client::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        let mut request = http::Request::get(format!("http://{address}/"));
        for crumb in ["theme=dark", "a=b", "refp_id=clk_1", "z=1"] {
            request = request.header("cookie", crumb);
        }
        let (response, _) = client
            .send_request(request.body(()).unwrap(), true)
            .unwrap();
        let mut body = response.await.unwrap().into_body();
        assert_eq!(body.data().await.unwrap().unwrap(), "clk_1");
    }
}
