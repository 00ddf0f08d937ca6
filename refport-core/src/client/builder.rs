use std::{env, fmt, marker::PhantomData, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use secrecy::SecretString;
use tower::retry::budget::TpsBudget;
use tower_layer::Layer;
use tower_service::Service;

use super::{
    api_key::ApiKey,
    base_url::BaseUrl,
    build_error::{BuildError, Problem},
    endpoint::{Endpoint, Shared},
    observe::ErrorHook,
    pause::Pause,
    place::Place,
    settings::Settings,
    transport::{BoxError, Transport},
};
#[cfg(feature = "reqwest")]
use super::{call::Repeat, transport::Connecting};
use crate::Error;
#[cfg(feature = "reqwest")]
use crate::destination::Patience;

/// Settings of a client. Made by [`Refport::builder`](crate::Refport::builder).
///
/// | setting | default | what it is |
/// |---|---|---|
/// | [`base_url`](Self::base_url) | the service's own | where the service lives |
/// | [`allow_http`](Self::allow_http) | `false` | plain http to other hosts than the machine itself |
/// | [`connect_timeout`](Self::connect_timeout) | 3 s | for making a connection |
/// | [`total_timeout`](Self::total_timeout) | 3 s | for a call with all its attempts and waits |
/// | [`attempt_timeout`](Self::attempt_timeout) | 10 s, and two thirds of the total | for one attempt, to the last byte |
/// | [`max_attempts`](Self::max_attempts) | 3 | how often a call is sent at most |
/// | [`backoff`](Self::backoff) | 200 ms to 5 s | the wait between attempts, doubling, each drawn by chance |
/// | [`max_retry_after`](Self::max_retry_after) | 60 s | the longest wait that the service can ask for |
/// | [`retry_budget`](Self::retry_budget) | 10 a second and 20 % | repeats of all calls together |
/// | [`repeat_leads`](Self::repeat_leads) | `false` | leads as sales with an invoice ID |
/// | [`send_occurred_at`](Self::send_occurred_at) | not to the public services | when a lead or sale happened |
///
/// # What is repeated
///
/// | outcome | a sale with an invoice ID, an embed token | any other sale, a lead |
/// |---|---|---|
/// | no connection, or refused unread | yes | yes |
/// | 429 | yes | yes |
/// | 5xx, 408, 425 | yes | no |
/// | no answer in time, broken connection | yes | no |
/// | any other answer | no | no |
///
/// A sale without an invoice ID, and a lead (the service documents no key for one), could count
/// twice; they are sent again only when the first attempt certainly was not taken. A 429 makes all
/// clones of the client wait as long as it asks, up to `max_retry_after`. A wait that would outlast
/// the call's total time is not begun: the answer that asked for it is given instead.
#[must_use]
pub struct ClientBuilder<C> {
    api_key: SecretString,
    base_url: String,
    /// Whether the environment has said it.
    is_url_of_variable: bool,
    allow_http: bool,
    settings: Settings,
    transport: Option<(Transport, Place)>,
    layers: Vec<Wrap>,
    on_error: Option<ErrorHook>,
    root_certificates: Vec<Vec<u8>>,
    client: PhantomData<fn() -> C>,
}

type Wrap = Box<dyn FnOnce(Transport) -> Transport + Send>;

/// Which client a builder makes.
pub trait Client: sealed::Client {}

pub(super) mod sealed {
    use super::{BaseUrl, Endpoint};

    /// What a client is made of.
    #[expect(unnameable_types, reason = "only `Client` speaks of it")]
    #[derive(Debug)]
    pub struct Connected {
        pub(in crate::client) endpoint: Endpoint,
        pub(in crate::client) base: BaseUrl,
    }

    /// What tells one service's client from another's.
    #[expect(unnameable_types, reason = "this is what seals `Client`")]
    pub trait Client: Sized {
        const DEFAULT_BASE_URL: &'static str;
        const KEY_VARIABLE: &'static str;
        const URL_VARIABLE: &'static str;
        const HTTP_VARIABLE: &'static str;

        fn over(connected: Connected) -> Self;
    }
}

impl<C: Client> ClientBuilder<C> {
    pub(super) fn new(api_key: String) -> Self {
        Self {
            api_key: api_key.into(),
            base_url: C::DEFAULT_BASE_URL.to_owned(),
            is_url_of_variable: false,
            allow_http: false,
            settings: Settings::default(),
            transport: None,
            layers: Vec::new(),
            on_error: None,
            root_certificates: Vec::new(),
            client: PhantomData,
        }
    }

    pub(super) fn from_env() -> Result<Self, BuildError> {
        let builder = match env::var(C::KEY_VARIABLE) {
            Ok(key) => Self::new(key),
            Err(env::VarError::NotPresent) => return Err(Problem::NoKey(C::KEY_VARIABLE).into()),
            Err(env::VarError::NotUnicode(_)) => return Err(Problem::MalformedKey.into()),
        };
        let allow_http =
            env::var(C::HTTP_VARIABLE).is_ok_and(|value| matches!(value.trim(), "1" | "true"));
        let builder = builder.allow_http(allow_http);
        Ok(match env::var(C::URL_VARIABLE) {
            // The key of a server of one's own would go to the public service.
            Ok(url) if url.trim().is_empty() => {
                return Err(Problem::BlankVariable(C::URL_VARIABLE).into());
            }
            Ok(url) => Self {
                is_url_of_variable: true,
                ..builder.base_url(url)
            },
            Err(env::VarError::NotPresent) => builder,
            Err(env::VarError::NotUnicode(_)) => return Err(Problem::BaseUrl("is not text").into()),
        })
    }

    pub(super) fn from_env_or_disabled() -> Result<C, BuildError> {
        let is_blank = |key: String| key.trim().is_empty();
        match env::var(C::KEY_VARIABLE).map(is_blank) {
            Ok(true) | Err(env::VarError::NotPresent) => {
                tracing::warn!("tracking is off: {} is not set", C::KEY_VARIABLE);
                Ok(Self::off())
            }
            Ok(false) | Err(env::VarError::NotUnicode(_)) => Self::from_env()?.build(),
        }
    }

    pub(super) fn disabled() -> C {
        tracing::info!("tracking is off: the client is a disabled one");
        Self::off()
    }

    fn off() -> C {
        let base = BaseUrl::parse(C::DEFAULT_BASE_URL, false);
        C::over(sealed::Connected {
            endpoint: Endpoint::off(),
            base: base.expect("it is an address"),
        })
    }

    /// Where the service lives, with or without a path and a trailing slash.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = url.into();
        self.is_url_of_variable = false;
        self
    }

    /// Whether plain http is taken for any host. It shows the API key to the network, so without
    /// this it is taken for the machine itself only.
    pub const fn allow_http(mut self, allow: bool) -> Self {
        self.allow_http = allow;
        self
    }

    /// How long making a connection may take. Of the default transport.
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.settings.connect_timeout = timeout;
        self
    }

    /// How long one attempt may take, from connecting to the last byte of the answer. One that may be
    /// repeated has two thirds of [`total_timeout`](Self::total_timeout) at most, so that there is time for
    /// another where its connection has died; in a worker of an outbox it has all of this.
    pub const fn attempt_timeout(mut self, timeout: Duration) -> Self {
        self.settings.attempt_timeout = timeout;
        self
    }

    /// How long a call may take in all. Where it is shorter than an attempt, it cuts that short.
    ///
    /// It is for calls that somebody waits for. A worker of an outbox makes one attempt a call, which has
    /// its [`attempt_timeout`](Self::attempt_timeout); in the background a call has 30 s at least, and 10
    /// attempts unless repeats are off.
    pub const fn total_timeout(mut self, timeout: Duration) -> Self {
        self.settings.total_timeout = timeout;
        self
    }

    /// How often a call is sent at most, the first time included: 1 turns repeats off.
    pub const fn max_attempts(mut self, attempts: u32) -> Self {
        self.settings.max_attempts = attempts;
        self
    }

    /// The wait before the second attempt, and the longest one; it doubles from the one to the
    /// other. Each is drawn by chance from there to a half more; the longest one is a bound, so that
    /// waits which reach it lie in its upper third. At least 1 ms.
    ///
    /// A time that the service asks for is kept to, and is never waited for more briefly.
    pub const fn backoff(mut self, first: Duration, longest: Duration) -> Self {
        self.settings.backoff = (first, longest);
        self
    }

    /// The longest wait that the service can ask for, by a `Retry-After` of whichever status; a longer one is
    /// cut to this.
    pub const fn max_retry_after(mut self, wait: Duration) -> Self {
        self.settings.max_retry_after = wait;
        self
    }

    /// How many repeats all calls of the client may make together: so many a second, and in
    /// addition this share of the calls (0.2 is a fifth). What is above is not repeated, so that a
    /// service in trouble is not kept there.
    pub const fn retry_budget(mut self, per_second: u32, share: f32) -> Self {
        self.settings.retry_budget = (per_second, share);
        self
    }

    /// Whether a lead is repeated like a sale with an invoice ID. For a service that counts a
    /// repeated lead once, as `refport-server` does.
    pub const fn repeat_leads(mut self, repeat: bool) -> Self {
        self.settings.repeat_leads = repeat;
        self
    }

    /// Whether the service is told when a lead or sale happened, where they say so
    /// ([`Sale::occurred_at`](crate::Sale::occurred_at)).
    ///
    /// By default it is, unless [`base_url`](Self::base_url) is at the host of Refport's or Partli's own
    /// service ([`Refport::DEFAULT_BASE_URL`](crate::Refport::DEFAULT_BASE_URL),
    /// [`Partli::DEFAULT_BASE_URL`](crate::Partli::DEFAULT_BASE_URL)), whose documents know no such field.
    /// So a `refport-server` of your own is told, also one that the environment names, and the environment
    /// needs no variable for it.
    pub const fn send_occurred_at(mut self, send: bool) -> Self {
        self.settings.send_occurred_at = Some(send);
        self
    }

    /// Trusts these certificate authorities, beside those that are trusted anyway: one or several in PEM, as
    /// for a `refport-server` behind a certificate of your own. Of the default transport.
    pub fn root_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.root_certificates.push(pem.into());
        self
    }

    /// Sends requests through this client, with its proxies, certificates and time for a connection, in
    /// place of the one that is made here. What it repeats and redirects is its own affair: turn both off,
    /// so that no sale counts twice.
    #[cfg(feature = "reqwest-client")]
    #[cfg_attr(docsrs, doc(cfg(feature = "reqwest-client")))]
    pub fn reqwest_client(mut self, client: reqwest::Client) -> Self {
        self.transport = Some((Transport::over_client(client), Place::Own));
        self
    }

    /// Sends requests through a tower service of your own instead of reqwest.
    ///
    /// It is cloned for each attempt, answers with the whole body, and gets the API key in the
    /// `Authorization` header. Return a [`TransportError`](crate::TransportError) where you know
    /// what happened; any other error counts as a connection that broke.
    pub fn transport<S>(mut self, service: S) -> Self
    where
        S: Service<Request<Bytes>, Response = Response<Bytes>> + Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
    {
        self.transport = Some((Transport::new(service), Place::Callers));
        self
    }

    /// Puts a tower layer in front of the transport: every attempt passes through it, within the
    /// attempt's time. The last one that is added is the outermost.
    pub fn layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<Transport> + Send + 'static,
        L::Service:
            Service<Request<Bytes>, Response = Response<Bytes>> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request<Bytes>>>::Error: Into<BoxError>,
        <L::Service as Service<Request<Bytes>>>::Future: Send,
    {
        self.layers
            .push(Box::new(move |inner| Transport::new(layer.layer(inner))));
        self
    }

    /// Calls `hook` with the error of each call that fails, after its last attempt and within its
    /// tracing span. Not for what is refused before sending.
    pub fn on_error(mut self, hook: impl Fn(&Error) + Send + Sync + 'static) -> Self {
        self.on_error = Some(Arc::new(hook));
        self
    }

    /// Makes the client.
    ///
    /// # Errors
    ///
    /// When the key is blank or cannot stand in a header, the base URL is none, is plain http to
    /// another host or asks for https in a build without TLS, a number is out of bounds, or TLS
    /// cannot be set up.
    pub fn build(self) -> Result<C, BuildError> {
        let api_key = ApiKey::new(self.api_key)?;
        let base = BaseUrl::parse(&self.base_url, self.allow_http);
        let base = base.map_err(|error| match self.is_url_of_variable {
            true => error.of_variable(C::URL_VARIABLE, C::HTTP_VARIABLE),
            false => error,
        })?;
        let settings = self.settings;
        if settings.max_attempts == 0 {
            return Err(Problem::TooSmall("max_attempts", "1").into());
        }
        let (transport, place) = match self.transport {
            Some(given) => given,
            None => {
                let made = default_transport(&base, &settings, &self.root_certificates)?;
                (made, Place::Own)
            }
        };
        let endpoint = Endpoint::new(Shared {
            place,
            transport: self
                .layers
                .into_iter()
                .fold(transport, |inner, wrap| wrap(inner)),
            authorization: api_key.authorization(),
            budget: budget(settings.retry_budget)?,
            sends_occurred_at: settings.sends_occurred_at(&base),
            settings,
            pause: Pause::default(),
            on_error: self.on_error,
        });
        Ok(C::over(sealed::Connected { endpoint, base }))
    }
}

#[cfg(feature = "reqwest")]
fn default_transport(
    base: &BaseUrl,
    settings: &Settings,
    root_certificates: &[Vec<u8>],
) -> Result<Transport, BuildError> {
    if base.is_https()
        && cfg!(not(any(
            feature = "rustls",
            feature = "rustls-ring",
            feature = "native-tls"
        )))
    {
        return Err(Problem::NoTls.into());
    }
    let to = Connecting {
        connect_timeout: settings.connect_timeout,
        attempt_timeout: settings.attempt_timeout(Patience::Handler, Repeat::Always),
        is_loopback: base.is_loopback(),
        root_certificates,
    };
    Transport::over_reqwest(&to)
}

#[cfg(not(feature = "reqwest"))]
fn default_transport(_: &BaseUrl, _: &Settings, _: &[Vec<u8>]) -> Result<Transport, BuildError> {
    Err(Problem::NoTransport.into())
}

fn budget((per_second, share): (u32, f32)) -> Result<TpsBudget, BuildError> {
    /// What is not used is forgotten after so long.
    const MEMORY: Duration = Duration::from_secs(10);
    if !(0.0..=1000.0).contains(&share) {
        return Err(
            Problem::TooSmall("the share of the retry budget", "0 and at most 1000").into(),
        );
    }
    Ok(TpsBudget::new(MEMORY, per_second, share))
}

impl<C> fmt::Debug for ClientBuilder<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("base_url", &self.base_url)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
