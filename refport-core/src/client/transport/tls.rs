//! TLS of the default transport. The first of our features that is on decides, in this order, and not those
//! that another crate turns on in reqwest.

use reqwest::ClientBuilder;

use crate::BuildError;
#[cfg(any(feature = "rustls", feature = "rustls-ring", feature = "native-tls"))]
use crate::client::build_error::Problem;

#[cfg(feature = "rustls")]
pub(super) fn set_up(
    builder: ClientBuilder,
    root_certificates: &[Vec<u8>],
) -> Result<ClientBuilder, BuildError> {
    trust(builder.tls_backend_rustls(), root_certificates)
}

#[cfg(all(feature = "rustls-ring", not(feature = "rustls")))]
pub(super) fn set_up(
    builder: ClientBuilder,
    root_certificates: &[Vec<u8>],
) -> Result<ClientBuilder, BuildError> {
    let config = super::ring::config(root_certificates)?;
    Ok(builder.tls_backend_preconfigured(config))
}

#[cfg(all(
    feature = "native-tls",
    not(any(feature = "rustls", feature = "rustls-ring"))
))]
pub(super) fn set_up(
    builder: ClientBuilder,
    root_certificates: &[Vec<u8>],
) -> Result<ClientBuilder, BuildError> {
    trust(builder.tls_backend_native(), root_certificates)
}

#[cfg(not(any(feature = "rustls", feature = "rustls-ring", feature = "native-tls")))]
pub(super) fn set_up(
    builder: ClientBuilder,
    root_certificates: &[Vec<u8>],
) -> Result<ClientBuilder, BuildError> {
    if root_certificates.is_empty() {
        Ok(builder)
    } else {
        Err(crate::client::build_error::Problem::NoTls.into())
    }
}

#[cfg(any(
    feature = "rustls",
    all(feature = "native-tls", not(feature = "rustls-ring"))
))]
fn trust(
    builder: ClientBuilder,
    root_certificates: &[Vec<u8>],
) -> Result<ClientBuilder, BuildError> {
    let mut trusted = Vec::new();
    for pem in root_certificates {
        let found = reqwest::Certificate::from_pem_bundle(pem).map_err(|_| NO_PEM)?;
        if found.is_empty() {
            return Err(NO_PEM.into());
        }
        trusted.extend(found);
    }
    Ok(if trusted.is_empty() {
        builder
    } else {
        builder.tls_certs_merge(trusted)
    })
}

#[cfg(any(feature = "rustls", feature = "rustls-ring", feature = "native-tls"))]
pub(super) const NO_PEM: Problem = Problem::RootCertificate("cannot be read");
