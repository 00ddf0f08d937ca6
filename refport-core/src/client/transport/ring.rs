use std::sync::Arc;

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};

use super::tls::NO_PEM;
use crate::BuildError;

/// TLS with ring and Mozilla's roots. The provider is named here, because a library must not
/// install one for the whole process, and reqwest panics where there is none.
pub(super) fn config(root_certificates: &[Vec<u8>]) -> Result<ClientConfig, BuildError> {
    let mut roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    for pem in root_certificates {
        let before = roots.len();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|_| NO_PEM)?;
            roots.add(certificate).map_err(|_| NO_PEM)?;
        }
        if roots.len() == before {
            return Err(NO_PEM.into());
        }
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring knows the default versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
