use std::env;

use refport_core::Refport;

use crate::runner::RefportServer;

/// What the shop reports to.
pub(crate) struct Backend {
    pub(crate) refport: Refport,
    /// Where it lives, without a trailing slash.
    pub(crate) base: String,
    /// Where it is a server in this process.
    pub(crate) own: Option<OwnServer>,
}

/// What there is to know about a server in this process.
pub(crate) struct OwnServer {
    pub(crate) running: RefportServer,
    /// The demo partner's link.
    pub(crate) referral: String,
    pub(crate) api_key: String,
}

impl Backend {
    /// Whether the environment names a service to report to.
    pub(crate) fn is_in_env() -> bool {
        env::var_os("REFPORT_API_KEY").is_some()
    }

    /// The service that `REFPORT_API_KEY` and `REFPORT_BASE_URL` name.
    pub(crate) fn from_env() -> anyhow::Result<Self> {
        let refport = Refport::from_env()?;
        let base = env::var("REFPORT_BASE_URL").unwrap_or_default();
        let base = match base.trim().trim_end_matches('/') {
            "" => Refport::DEFAULT_BASE_URL,
            base => base,
        };
        Ok(Self {
            refport,
            base: base.to_owned(),
            own: None,
        })
    }
}
