//! A client of each protocol, and the certificate that it trusts.

use std::{net::SocketAddr, sync::Arc};

use actix_web::web::Bytes;
use http::{HeaderMap, Request, StatusCode, header::HOST};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{CertificateParams, KeyPair};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore, ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, ServerName},
    },
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    H2c,
    Http1Tls,
    H2Tls,
}

impl Protocol {
    pub(super) const ALL: [Self; 4] = [Self::Http1, Self::H2c, Self::Http1Tls, Self::H2Tls];

    pub(super) fn is_h2(self) -> bool {
        matches!(self, Self::H2c | Self::H2Tls)
    }

    pub(super) fn is_tls(self) -> bool {
        matches!(self, Self::Http1Tls | Self::H2Tls)
    }
}

/// A certificate for this machine, made for one test.
pub(super) struct Certificate {
    der: CertificateDer<'static>,
    key: KeyPair,
}

impl Certificate {
    pub(super) fn make() -> Self {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        let der = params.self_signed(&key).unwrap().der().clone();
        Self { der, key }
    }

    pub(super) fn server(&self) -> ServerConfig {
        let key = PrivateKeyDer::try_from(self.key.serialize_der()).unwrap();
        ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![self.der.clone()], key)
            .unwrap()
    }

    fn client(&self, protocol: Protocol) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone()).unwrap();
        let mut config =
            ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_root_certificates(roots)
                .with_no_client_auth();
        let alpn = if protocol.is_h2() { "h2" } else { "http/1.1" };
        config.alpn_protocols = vec![alpn.into()];
        TlsConnector::from(Arc::new(config))
    }
}

pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

/// The answer to a `GET` with these cookie fields, on a connection of its own.
///
/// # Errors
///
/// When the server ends the connection instead.
pub(super) async fn get(
    protocol: Protocol,
    address: SocketAddr,
    certificate: &Certificate,
    uri: &str,
    cookies: &[&str],
) -> Result<Answer, hyper::Error> {
    let stream = TcpStream::connect(address).await.unwrap();
    let scheme = if protocol.is_tls() { "https" } else { "http" };
    let mut request = if protocol.is_h2() {
        Request::get(format!("{scheme}://{address}{uri}"))
    } else {
        Request::get(uri).header(HOST, address.to_string())
    };
    for cookie in cookies {
        request = request.header("cookie", *cookie);
    }
    let request = request.body(Empty::new()).unwrap();
    if protocol.is_tls() {
        let connector = certificate.client(protocol);
        let name = ServerName::from(address.ip());
        let stream = connector.connect(name, stream).await.unwrap();
        exchange(protocol, stream, request).await
    } else {
        exchange(protocol, stream, request).await
    }
}

async fn exchange<S>(
    protocol: Protocol,
    stream: S,
    request: Request<Empty<Bytes>>,
) -> Result<Answer, hyper::Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let stream = TokioIo::new(stream);
    let response = if protocol.is_h2() {
        let (mut client, connection) = http2::handshake(TokioExecutor::new(), stream).await?;
        tokio::spawn(connection);
        client.send_request(request).await?
    } else {
        let (mut client, connection) = http1::handshake(stream).await?;
        tokio::spawn(connection);
        client.send_request(request).await?
    };
    let (head, body) = response.into_parts();
    let body = body.collect().await?.to_bytes().to_vec();
    Ok(Answer {
        status: head.status,
        headers: head.headers,
        body: String::from_utf8(body).unwrap(),
    })
}
