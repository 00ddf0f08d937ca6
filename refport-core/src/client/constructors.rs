//! How each client is made, which is the same for all.

/// The constructors of a client, with the names of its environment variables.
macro_rules! constructors {
    ($client:ty, $builder:ty, $key:literal, $url:literal, $http:literal) => {
        impl $client {
            /// A client with the defaults for the service.
            ///
            /// # Errors
            ///
            /// When the key is blank or cannot stand in a header, or TLS cannot be set up (a slim image
            /// without `ca-certificates`, for one).
            pub fn new(api_key: impl Into<String>) -> Result<Self, $crate::BuildError> {
                Self::builder(api_key).build()
            }

            /// A client with settings of your own.
            pub fn builder(api_key: impl Into<String>) -> $builder {
                <$builder>::new(api_key.into())
            }

            /// A client as the environment says, with settings of your own beside:
            #[doc = concat!("`", $key, "`, `", $url, "` where the service is not")]
            /// [`DEFAULT_BASE_URL`](Self::DEFAULT_BASE_URL), and
            #[doc = concat!("`", $http, "=1` where that")]
            /// is plain http on another host ([`allow_http`](crate::ClientBuilder::allow_http)).
            ///
            /// # Errors
            ///
            #[doc = concat!("When `", $key, "` is not set, or a variable is not text.")]
            pub fn builder_from_env() -> Result<$builder, $crate::BuildError> {
                <$builder>::from_env()
            }

            /// A client as the environment says: that of
            /// [`builder_from_env`](Self::builder_from_env).
            ///
            /// # Errors
            ///
            /// As [`builder_from_env`](Self::builder_from_env) and [`new`](Self::new).
            pub fn from_env() -> Result<Self, $crate::BuildError> {
                Self::builder_from_env()?.build()
            }

            /// A client as the environment says, and one that is [`disabled`](Self::disabled) where
            #[doc = concat!("`", $key, "` is not set or blank, as in development. The log says so.")]
            ///
            /// # Errors
            ///
            /// As [`from_env`](Self::from_env): a key that is wrong is no missing one.
            pub fn from_env_or_disabled() -> Result<Self, $crate::BuildError> {
                <$builder>::from_env_or_disabled()
            }

            /// A client that sends nothing: each report is
            /// [`NothingToReport::Disabled`](crate::track::NothingToReport::Disabled). Behind a worker of an
            /// outbox it delivers nothing, and what is stored waits for a client with a key.
            #[must_use]
            pub fn disabled() -> Self {
                <$builder>::disabled()
            }
        }
    };
}

pub(super) use constructors;
