//! A service behind a certificate that only its owner's authority knows.

use std::sync::Arc;

use rcgen::{CertificateParams, DnType, KeyPair};
use refport_core::{Refport, RefportBuilder};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::aws_lc_rs, pki_types::PrivateKeyDer},
};

use crate::scripted::sale_once;

/// Answers each sale. Gives the address, and the certificate in PEM.
async fn serve(name: &str) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    // OpenSSL looks an authority up by its name.
    params.distinguished_name.push(DnType::CommonName, name);
    let certificate = params.self_signed(&key).unwrap();
    let private = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "https://localhost:{}",
        listener.local_addr().unwrap().port()
    );
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // Who does not trust the certificate goes away.
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let mut seen = Vec::new();
            while !seen.ends_with(b"}") && stream.read_buf(&mut seen).await.unwrap() > 0 {}
            let seen = String::from_utf8_lossy(&seen).to_ascii_lowercase();
            let agent = seen.lines().find(|line| line.starts_with("user-agent"));
            let body = format!(r#"{{"sale":{{"id":"{}"}}}}"#, agent.unwrap_or("none"));
            let length = body.len();
            let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length:";
            let answer = format!("{head} {length}\r\n\r\n{body}");
            stream.write_all(answer.as_bytes()).await.unwrap();
            let _ = stream.shutdown().await;
        }
    });
    (url, certificate.pem())
}

fn to(url: &str) -> RefportBuilder {
    Refport::builder("rk_test").base_url(url).max_attempts(1)
}

#[tokio::test]
async fn it_is_reached_with_its_root_certificate_and_not_without() {
    let (url, pem) = serve("one").await;
    let (_, other) = serve("other").await;
    let trusting = to(&url).root_certificate(other.clone() + &pem);
    let refport = trusting.build().unwrap();
    refport.track.sale(sale_once()).await.unwrap();

    for stranger in [to(&url), to(&url).root_certificate(other)] {
        let error = stranger.build().unwrap().track.sale(sale_once()).await;
        let error = error.unwrap_err();
        let refport_core::Error::Transport(error) = error else {
            panic!("{error:?}");
        };
        assert!(error.is_connect(), "{error:?}");
    }
}

#[tokio::test]
async fn what_is_no_certificate_is_refused_when_the_client_is_made() {
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for wrong in ["", "no PEM", "-----BEGIN CERTIFICATE-----\n*", broken] {
        let error = to("https://localhost").root_certificate(wrong).build();
        match error {
            Err(error) => assert!(!error.to_string().is_empty()),
            Ok(_) => panic!("{wrong:?} is a certificate"),
        }
    }
}

#[cfg(all(feature = "reqwest-client", feature = "rustls"))]
#[tokio::test]
async fn a_client_of_ones_own_is_used_as_it_is() {
    use refport_core::{reqwest, track::Outcome};

    let (url, pem) = serve("one").await;
    let certificate = reqwest::Certificate::from_pem(pem.as_bytes()).unwrap();
    let builder = reqwest::Client::builder()
        .user_agent("the-shops-own")
        .tls_certs_only([certificate]);
    let refport = to(&url).reqwest_client(builder.build().unwrap());
    let refport = refport.build().unwrap();
    let outcome = refport.track.sale(sale_once()).await.unwrap();
    let Outcome::Accepted(answer) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(answer.sale.id, "user-agent: the-shops-own");
}
