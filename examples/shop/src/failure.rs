use crate::pages;

/// Why a request has no ordinary page. Each shop turns it into its framework's response.
#[derive(Debug)]
pub enum Failure {
    /// There is no such page, or it is not this visitor's.
    NotFound,
    /// Refport gave no token for the portal.
    Portal(refport_core::Error),
    /// The shop itself failed.
    Internal(anyhow::Error),
}

impl Failure {
    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::NotFound => 404,
            Self::Portal(_) => 502,
            Self::Internal(_) => 500,
        }
    }

    /// The page for the visitor. What went wrong inside goes to the log only.
    #[must_use]
    pub fn page(&self) -> String {
        match self {
            Self::NotFound => pages::message(
                "Nothing here",
                "This page does not exist, or it is not yours to see.",
            ),
            Self::Portal(error) => {
                tracing::warn!(error = %chain(error), "no token for the portal");
                pages::message(
                    "The partner portal is not available",
                    "Refport could not be reached or did not let us in. Please try again in a minute; the shop itself is not affected.",
                )
            }
            Self::Internal(error) => {
                tracing::error!("{error:#}");
                pages::message("Something went wrong", "It is our fault. Please try again.")
            }
        }
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Internal(error.into())
    }
}

/// An error and its causes in one line.
fn chain(error: &refport_core::Error) -> String {
    let mut line = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        line = format!("{line}: {error}");
        cause = error.source();
    }
    line
}
