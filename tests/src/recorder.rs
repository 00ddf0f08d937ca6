use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{Response, StatusCode},
};
use refport_core::test_util::Recorder;
use tokio::net::TcpListener;
use tower::ServiceExt;

/// No request to the service is longer, in bytes.
const MAX_BODY: usize = 256 * 1024;

/// Puts a recorder at an address of its own, for programs in other processes, and gives that.
///
/// # Errors
///
/// When there is no port.
pub async fn serve_recorder(recorder: Recorder) -> anyhow::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let service = Router::new().fallback(answer).with_state(recorder);
    tokio::spawn(async move { axum::serve(listener, service).await });
    Ok(format!("http://{address}"))
}

async fn answer(
    State(recorder): State<Recorder>,
    request: Request,
) -> Result<Response<Body>, StatusCode> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, MAX_BODY).await;
    let body = body.map_err(|_| StatusCode::PAYLOAD_TOO_LARGE)?;
    let answered = recorder.oneshot(Request::from_parts(parts, body)).await;
    let answered = answered.map_err(|_| StatusCode::BAD_GATEWAY)?;
    Ok(answered.map(Body::from))
}
