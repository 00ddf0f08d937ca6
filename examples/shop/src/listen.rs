use std::{
    io::{Error, ErrorKind},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use anyhow::anyhow;
use tokio::net::TcpListener;

/// Listens on `address`; where that fails, the error names the flag to change.
pub(crate) async fn listen(address: SocketAddr, flag: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .map_err(|error| explain(error, address, flag))
}

fn explain(error: Error, address: SocketAddr, flag: &str) -> anyhow::Error {
    if error.kind() == ErrorKind::AddrInUse {
        let port = address.port();
        anyhow!("port {port} is in use by another program, choose another with {flag}")
    } else {
        anyhow::Error::new(error).context(format!("cannot listen on {address}, see {flag}"))
    }
}

/// The origin under which a browser on this machine reaches `listener`, as in
/// `http://127.0.0.1:3000`.
pub(crate) fn origin(listener: &TcpListener) -> anyhow::Result<String> {
    let mut address = listener.local_addr()?;
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    Ok(format!("http://{address}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_in_use_names_the_flag() {
        let taken = listen("127.0.0.1:0".parse().unwrap(), "--listen")
            .await
            .unwrap();
        let address = taken.local_addr().unwrap();
        let error = listen(address, "--listen").await.unwrap_err().to_string();
        assert!(
            error.contains("in use") && error.contains("--listen"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn every_interface_is_reached_at_loopback() {
        let listener = listen("0.0.0.0:0".parse().unwrap(), "--listen")
            .await
            .unwrap();
        let port = listener.local_addr().unwrap().port();
        assert_eq!(
            origin(&listener).unwrap(),
            format!("http://127.0.0.1:{port}")
        );
    }
}
