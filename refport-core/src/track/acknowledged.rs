use super::{NothingToReport, Outcome};
#[cfg(feature = "client")]
use crate::{ApiError, Error, ErrorKind};

/// Whether a report has been answered for good, so that the click is no longer needed for it.
///
/// The adapters' `ClearClickId` asks this before it expires the click's cookie.
///
/// | what came of the report | acknowledged |
/// |---|---|
/// | [`Outcome::Accepted`] | yes |
/// | [`Outcome::Queued`]: stored, once the transaction it is in is committed | yes |
/// | [`NothingToReport::NoLink`]: the click belongs to no link, and never will | yes |
/// | [`NothingToReport::NotAttributed`]: the service took it, and its click pays nobody | yes |
/// | [`NothingToReport::NoClick`], [`NothingToReport::Disabled`]: nothing was sent | no |
/// | [`NothingToReport::ZeroAmount`]: nothing was sent, the paid sale is still to come | no |
/// | refused with 400 or 422, with the service's code or message | yes |
/// | the same without one: the page of a proxy, or a wrong address | no |
/// | refused with 401 or 403: the API key is wrong, not the click | no |
/// | 404, 405, 408, 429, 5xx, and every other status: also a gateway's, which may look like the service's | no |
/// | a success that cannot be read (`Error::Decode`): the page of a site that answers every path, or of a captive portal | no |
/// | no answer (`Error::Transport`) | no |
/// | not sent (`Error::Invalid`) | no |
/// | not stored (`Error::Queue`) | no |
/// | nobody to report to (`Error::NotSetUp`) | no |
///
/// Implement it for what a queue of your own answers, once it has stored the report for good.
///
/// ```
/// use refport_core::track::{Acknowledged, NothingToReport, Outcome};
///
/// assert!(Outcome::Accepted("sale_1").is_acknowledged());
/// let free = Outcome::<()>::NothingToReport(NothingToReport::ZeroAmount);
/// assert!(!free.is_acknowledged());
/// ```
pub trait Acknowledged {
    /// Whether the service, or a store that delivers to it, has taken the report or refused it for
    /// good.
    fn is_acknowledged(&self) -> bool;
}

impl<T: Acknowledged, E: Acknowledged> Acknowledged for Result<T, E> {
    fn is_acknowledged(&self) -> bool {
        match self {
            Ok(answer) => answer.is_acknowledged(),
            Err(error) => error.is_acknowledged(),
        }
    }
}

impl<T> Acknowledged for Outcome<T> {
    fn is_acknowledged(&self) -> bool {
        match self {
            Self::Accepted(_) | Self::Queued => true,
            Self::NothingToReport(why) => why.is_acknowledged(),
        }
    }
}

impl Acknowledged for NothingToReport {
    fn is_acknowledged(&self) -> bool {
        match self {
            Self::NoLink | Self::NotAttributed => true,
            Self::ZeroAmount | Self::NoClick | Self::Disabled => false,
        }
    }
}

/// What [`OrWarn`](crate::track::OrWarn) makes of a report: `None` is one that failed, and no longer says
/// whether for good. Ask the result itself, before it is warned of.
impl<A: Acknowledged> Acknowledged for Option<A> {
    fn is_acknowledged(&self) -> bool {
        self.as_ref().is_some_and(A::is_acknowledged)
    }
}

#[cfg(feature = "client")]
impl Acknowledged for Error {
    fn is_acknowledged(&self) -> bool {
        match self {
            Self::Api(error) => error.is_acknowledged(),
            _ => false,
        }
    }
}

#[cfg(feature = "client")]
impl Acknowledged for ApiError {
    fn is_acknowledged(&self) -> bool {
        is_refused_for_good(self.kind()) && (self.code().is_some() || self.message().is_some())
    }
}

#[cfg(feature = "client")]
const fn is_refused_for_good(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Validation)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn nothing(why: NothingToReport) -> Outcome<()> {
        Outcome::NothingToReport(why)
    }

    #[test]
    fn accepted() {
        assert!(Outcome::Accepted(()).is_acknowledged());
    }

    #[test]
    fn stored() {
        let queued = Outcome::<u8>::Queued;
        assert!(queued.is_acknowledged());
        assert_eq!(queued.map(u32::from), Outcome::Queued);
    }

    #[test]
    fn the_click_belongs_to_no_link() {
        assert!(nothing(NothingToReport::NoLink).is_acknowledged());
    }

    #[test]
    fn attributed_to_nobody() {
        assert!(nothing(NothingToReport::NotAttributed).is_acknowledged());
        assert!(!nothing(NothingToReport::NoClick).is_acknowledged());
        assert!(!nothing(NothingToReport::Disabled).is_acknowledged());
    }

    #[test]
    fn one_that_was_warned_of() {
        assert!(Some(Outcome::<()>::Queued).is_acknowledged());
        assert!(!None::<Outcome<()>>.is_acknowledged());
        assert!(!Some(nothing(NothingToReport::ZeroAmount)).is_acknowledged());
    }

    #[test]
    fn a_free_order() {
        assert!(!nothing(NothingToReport::ZeroAmount).is_acknowledged());
    }

    #[cfg(feature = "client")]
    mod errors {
        use http::StatusCode;

        use super::*;
        use crate::{DecodeError, QueueError, Sale, TransportError};

        fn is_acknowledged(error: Error) -> bool {
            Err::<Outcome<()>, _>(error).is_acknowledged()
        }

        // The statuses behind the kinds, and refusals without a word, are tested by the adapters.
        #[test]
        fn the_service_refused() {
            assert!(is_refused_for_good(ErrorKind::Validation));
            assert!(!is_refused_for_good(ErrorKind::NotFound));
            assert!(!is_refused_for_good(ErrorKind::Auth));
            assert!(!is_refused_for_good(ErrorKind::RateLimit));
            assert!(!is_refused_for_good(ErrorKind::Server));
            assert!(!is_refused_for_good(ErrorKind::Other));
        }

        #[test]
        fn a_success_that_cannot_be_read() {
            let error = DecodeError::new(StatusCode::OK, "it is not JSON");
            assert!(!is_acknowledged(Error::Decode(error)));
        }

        #[test]
        fn no_answer() {
            assert!(!is_acknowledged(
                Error::Transport(TransportError::timeout())
            ));
        }

        #[test]
        fn not_sent() {
            let sale = Sale::new("clk_1".parse::<crate::ClickId>().unwrap(), " ", 4900);
            let invalid = Error::Invalid(sale.check().unwrap_err());
            assert!(!is_acknowledged(invalid));
        }

        #[test]
        fn not_stored() {
            let full = Error::Queue(QueueError::unavailable("the disk is full"));
            assert!(!is_acknowledged(full));
        }
    }
}
