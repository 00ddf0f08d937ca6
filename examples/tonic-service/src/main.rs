//! `REFPORT_API_KEY=rk_… cargo run -p tonic-service`

use refport_core::Refport;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt::init();
    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    Ok(tonic_service::serve(listener, Refport::from_env()?).await?)
}
