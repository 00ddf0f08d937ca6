use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore, crypto::ring};

/// TLS with ring and Mozilla's roots. The provider is named here, because a library must not
/// install one for the whole process, and reqwest panics where there is none.
pub(super) fn config() -> ClientConfig {
    let roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring knows the default versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}
