//! Certificates, and peers that do TLS wrongly.

use std::{io, path::Path, sync::Arc, time::Duration};

use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::sleep,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::aws_lc_rs, pki_types::PrivateKeyDer},
};

use super::peer::{Peer, Seen, answer};

/// What is wrong with a peer's TLS.
#[derive(Clone, Copy, Debug)]
pub(super) enum Flaw {
    Untrusted,
    WrongName,
    Expired,
    PlainText,
    Silent,
    Resets,
}

pub(super) struct Certificates {
    pub(super) good: Certificate,
    untrusted: Certificate,
    wrong_name: Certificate,
    expired: Certificate,
}

impl Certificates {
    pub(super) fn make() -> Self {
        Self {
            good: Certificate::make("good", "127.0.0.1", 4000),
            untrusted: Certificate::make("untrusted", "127.0.0.1", 4000),
            wrong_name: Certificate::make("wrong name", "elsewhere.test", 4000),
            expired: Certificate::make("expired", "127.0.0.1", 2020),
        }
    }

    /// Writes a trust store with all of them but one.
    pub(super) fn trust(&self, store: &Path) {
        let trusted = [&self.good, &self.wrong_name, &self.expired];
        std::fs::write(store, trusted.map(|one| one.pem.as_str()).concat()).unwrap();
    }
}

pub(super) struct Certificate {
    pem: String,
    config: Arc<ServerConfig>,
}

impl Certificate {
    fn make(name: &str, host: &str, last_year: i32) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([host.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = date_time_ymd(last_year, 1, 1);
        let certificate = params.self_signed(&key).unwrap();
        let private = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private)
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];
        Self {
            pem: certificate.pem(),
            config: Arc::new(config),
        }
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }
}

/// A peer with this flaw. Anything it can read counts as a request.
pub(super) async fn peer(flaw: Flaw, certificates: &Certificates) -> Peer {
    let certificate = match flaw {
        Flaw::Untrusted => &certificates.untrusted,
        Flaw::WrongName => &certificates.wrong_name,
        Flaw::Expired => &certificates.expired,
        Flaw::PlainText | Flaw::Silent | Flaw::Resets => {
            return Peer::listening(move |stream, seen| break_handshake(stream, seen, flaw)).await;
        }
    };
    let acceptor = certificate.acceptor();
    Peer::listening(move |stream, seen| {
        let accepting = acceptor.accept(stream);
        async move {
            let mut stream = accepting.await?;
            if stream.read(&mut [0; 1024]).await? > 0 {
                seen.request();
            }
            Ok(())
        }
    })
    .await
}

async fn break_handshake(mut stream: TcpStream, seen: Arc<Seen>, flaw: Flaw) -> io::Result<()> {
    let mut hello = [0; 16 * 1024];
    let length = stream.read(&mut hello).await?;
    seen.look_for_key(&String::from_utf8_lossy(&hello[..length]));
    match flaw {
        Flaw::PlainText => {
            let sorry = answer("400 Bad Request", "", b"this is not the TLS port");
            stream.write_all(&sorry).await?;
            stream.shutdown().await
        }
        Flaw::Resets => {
            sleep(Duration::from_millis(20)).await;
            stream.set_zero_linger()
        }
        _ => stream.read(&mut hello).await.map(drop),
    }
}
