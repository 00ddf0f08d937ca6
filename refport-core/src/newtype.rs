/// What the click ID of an adapter to another framework is besides the core's, of which it is a newtype: the
/// framework's traits and the core's type are both foreign to the adapter. It is written here, so that all
/// adapters' are the same.
///
/// ```
/// struct ClickId(refport_core::ClickId);
/// refport_core::click_id_newtype!(ClickId);
///
/// let kept: ClickId = "clk_1".parse()?; // as it is kept with a customer
/// assert_eq!((kept.as_str(), kept.to_string()), ("clk_1", "clk_1".to_owned()));
/// let core: refport_core::ClickId = kept.into();
/// assert_eq!(core.as_str(), "clk_1");
/// # Ok::<(), refport_core::ParseClickIdError>(())
/// ```
#[macro_export]
macro_rules! click_id_newtype {
    ($name:ident) => {
        impl $name {
            /// The core's click ID.
            #[must_use]
            pub fn into_inner(self) -> $crate::ClickId {
                self.0
            }
        }

        impl ::std::ops::Deref for $name {
            type Target = $crate::ClickId;

            fn deref(&self) -> &Self::Target {
                &self.0
            }
        }

        impl From<$crate::ClickId> for $name {
            fn from(id: $crate::ClickId) -> Self {
                Self(id)
            }
        }

        impl From<$name> for $crate::ClickId {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        /// As kept with a customer: the text of the ID.
        impl ::std::str::FromStr for $name {
            type Err = $crate::ParseClickIdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = $crate::ParseClickIdError;

            fn try_from(text: &str) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::ParseClickIdError;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl ::std::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::fmt::Debug::fmt(&self.0, f)
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::fmt::Display::fmt(&self.0, f)
            }
        }
    };
}
