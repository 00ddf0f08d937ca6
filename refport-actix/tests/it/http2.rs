//! HTTP/2 lets a client split the cookies over several fields (RFC 9113, 8.2.3).

use actix_web::{
    HttpRequest,
    http::header::COOKIE,
    web::{self, ServiceConfig},
};
use refport_actix::{ClickId, ClickIdMiddleware};
use tokio::net::TcpStream;

#[actix_web::test]
async fn a_split_cookie_is_read_over_a_real_connection() {
    let address = crate::serve(|app: &mut ServiceConfig| {
        let handler = async |request: HttpRequest, id: Option<ClickId>| {
            let fields = request.headers().get_all(COOKIE).count();
            let id = id.map_or("-".to_owned(), |id| id.to_string());
            format!("{:?} {fields} {id}", request.version())
        };
        app.route("/without", web::get().to(handler));
        let with = web::scope("/with").wrap(ClickIdMiddleware::new());
        app.service(with.default_service(web::to(handler)));
    });
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut client, connection) = h2::client::handshake(stream).await.unwrap();
    actix_web::rt::spawn(connection);
    for path in ["with", "without"] {
        let mut request = http::Request::get(format!("http://{address}/{path}"));
        for crumb in ["theme=dark", "a=b", "refp_id=clk_1", "z=1"] {
            request = request.header("cookie", crumb);
        }
        let request = request.body(()).unwrap();
        let (response, _) = client.send_request(request, true).unwrap();
        let mut body = response.await.unwrap().into_body();
        let text = body.data().await.unwrap().unwrap();
        assert_eq!(text, "HTTP/2.0 4 clk_1", "{path} the middleware");
    }
}
