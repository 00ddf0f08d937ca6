//! What comes of an attempt: for the event, and for the destination.

use std::time::Duration;

use refport_core::{
    ApiError, Error, ErrorKind, TransportError,
    destination::Reported,
    track::{NothingToReport, Outcome},
};

use crate::store::Failure;

/// How an attempt ended.
#[derive(Debug)]
pub(super) enum Attempt {
    Answered(Result<Outcome<Reported>, Error>),
    TimedOut,
    Panicked,
}

#[derive(Debug)]
pub(super) enum Verdict {
    /// Taken, with a word where nobody earns by it.
    Delivered(Option<&'static str>),
    /// Never sent: the client knows that it would be refused.
    Invalid(Failure),
    /// Never to be taken: the service itself says so of this event.
    Refused(Failure),
    /// Not taken, because the destination wants to be left alone for a while.
    RateLimited(Failure, Option<Duration>),
    /// Not taken: nobody is there.
    Unreachable(Failure),
    /// Something is wrong with the destination or with this event.
    Faulty(Fault),
    /// The same, where the event was perhaps taken, and a repeat could count twice.
    Unclear(Fault),
}

/// What may be the event's or the destination's.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) failure: Failure,
    /// The wait that the service asks for.
    pub(super) asked: Option<Duration>,
    pub(super) suspect: Suspect,
}

/// Whose fault it is by a single answer, while no other event has succeeded since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Suspect {
    /// The event's or the destination's.
    Either,
    /// Rather the destination's: it is not the service that answers.
    Address,
    /// The destination's: it does not take the API key.
    Key,
}

/// The verdict on an attempt to deliver an event, of which a repeat counts once or not.
pub(super) fn judge(attempt: Attempt, counts_once: bool) -> Verdict {
    let (verdict, certainly_not_taken) = match attempt {
        Attempt::Answered(Ok(outcome)) => return Verdict::Delivered(note(&outcome)),
        Attempt::Answered(Err(error)) => of_error(&error),
        Attempt::TimedOut => {
            let late = failure("timeout", "the delivery took too long");
            (faulty(Suspect::Either, late, None), false)
        }
        Attempt::Panicked => {
            let panic = failure("panic", "the destination panicked");
            (faulty(Suspect::Either, panic, None), false)
        }
    };
    match verdict {
        Verdict::Faulty(fault) if !certainly_not_taken && !counts_once => Verdict::Unclear(fault),
        verdict => verdict,
    }
}

const fn faulty(suspect: Suspect, failure: Failure, asked: Option<Duration>) -> Verdict {
    Verdict::Faulty(Fault {
        failure,
        asked,
        suspect,
    })
}

const fn note(outcome: &Outcome<Reported>) -> Option<&'static str> {
    match outcome {
        Outcome::NothingToReport(why) => Some(nothing(*why)),
        _ => None,
    }
}

const fn nothing(why: NothingToReport) -> &'static str {
    match why {
        NothingToReport::ZeroAmount => "zero_amount",
        NothingToReport::NoLink => "no_link",
        NothingToReport::NotAttributed => "not_attributed",
        NothingToReport::NoClick => "no_click",
        NothingToReport::Disabled => "disabled",
        _ => "nothing_to_report",
    }
}

/// With whether the destination certainly has not taken it.
fn of_error(error: &Error) -> (Verdict, bool) {
    match error {
        Error::Invalid(refused) => (
            Verdict::Invalid(failure("invalid", &refused.to_string())),
            true,
        ),
        // Of a client that is disabled: what is stored waits for one with a key.
        Error::NotSetUp(_) => (
            faulty(
                Suspect::Key,
                failure("not_set_up", &error.to_string()),
                None,
            ),
            true,
        ),
        Error::Api(error) => of_answer(error),
        Error::Transport(error) => of_transport(error),
        Error::Decode(error) => {
            let failure = Failure {
                status: Some(error.status().as_u16()),
                ..failure("unreadable_answer", &error.to_string())
            };
            (faulty(Suspect::Address, failure, None), false)
        }
        // Of a newer core, or of a destination that is not ours.
        _ => {
            let other = failure("other", &error.to_string());
            (faulty(Suspect::Either, other, None), false)
        }
    }
}

fn of_answer(error: &ApiError) -> (Verdict, bool) {
    let failure = |reason| Failure {
        reason,
        status: Some(error.status().as_u16()),
        code: error.code().map(tidy),
        message: error.message().map(tidy),
    };
    let (status, after) = (error.status().as_u16(), error.retry_after());
    // The service itself says why; the page of a proxy does not.
    let is_its_own = error.code().is_some() || error.message().is_some();
    match error.kind() {
        ErrorKind::RateLimit => (Verdict::RateLimited(failure("rate_limit"), after), true),
        ErrorKind::Server => (
            faulty(Suspect::Either, failure("server_error"), after),
            false,
        ),
        ErrorKind::Auth if is_its_own || status != 403 => {
            (faulty(Suspect::Key, failure("denied"), None), true)
        }
        _ if is_its_own && is_for_good(status) => (Verdict::Refused(failure("refused")), true),
        // A redirect may be what follows when it was taken.
        _ => {
            let mut page = failure("unexplained");
            page.message.get_or_insert_with(|| NOT_THE_SERVICE.into());
            (
                faulty(Suspect::Address, page, after),
                error.status().is_client_error(),
            )
        }
    }
}

const NOT_THE_SERVICE: &str = "not an answer of the service: a proxy's page, or a wrong address";

/// Whether the service speaks of the event, and not of the way to it: for 404, 405, 402 or 415 there is a wrong
/// address as well, and a gateway's own JSON looks like the service's.
const fn is_for_good(status: u16) -> bool {
    matches!(status, 400 | 409 | 413 | 422)
}

fn of_transport(error: &TransportError) -> (Verdict, bool) {
    let message = error.to_string();
    if error.is_unseen() {
        return (Verdict::Unreachable(failure("unreachable", &message)), true);
    }
    let reason = if error.is_timeout() {
        "timeout"
    } else {
        "broken"
    };
    let fault = faulty(Suspect::Either, failure(reason, &message), None);
    (fault, false)
}

pub(super) fn failure(reason: &'static str, message: &str) -> Failure {
    Failure {
        reason,
        status: None,
        code: None,
        message: Some(tidy(message)),
    }
}

/// The same failure, of an event that must not be sent again.
pub(super) fn unclear(failure: Failure) -> Failure {
    let what = failure.message.as_deref().unwrap_or(failure.reason);
    let message = format!("perhaps taken ({what}), and a repeat could be counted twice");
    Failure {
        reason: "unclear",
        message: Some(tidy(&message)),
        ..failure
    }
}

/// The beginning of what somebody else wrote, as both databases and a terminal take it.
fn tidy(text: &str) -> String {
    const MAX: usize = 1000;
    let whole: String = text.chars().take(MAX).collect();
    whole.replace(|letter: char| letter.is_control(), " ")
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use refport_core::{DecodeError, QueueError};

    use super::*;

    fn api(status: u16, code: Option<&str>) -> Error {
        let status = StatusCode::from_u16(status).unwrap();
        Error::Api(ApiError::new(status, code.map(str::to_owned), None))
    }

    /// What comes of it for a sale with an invoice ID, and for one without.
    fn verdicts(error: fn() -> Error) -> [&'static str; 2] {
        [true, false].map(
            |counts_once| match judge(Attempt::Answered(Err(error())), counts_once) {
                Verdict::Delivered(_) => "delivered",
                Verdict::Invalid(_) => "invalid",
                Verdict::Refused(_) => "refused",
                Verdict::RateLimited(..) => "rate limited",
                Verdict::Unreachable(_) => "unreachable",
                Verdict::Unclear(_) => "unclear",
                Verdict::Faulty(fault) => match fault.suspect {
                    Suspect::Either => "failing",
                    Suspect::Address => "address",
                    Suspect::Key => "denied",
                },
            },
        )
    }

    #[test]
    fn what_could_count_twice_is_never_repeated_after_an_unclear_end() {
        let broken = || Error::Transport(TransportError::broken("cut"));
        let timeout = || Error::Transport(TransportError::timeout());
        let connect = || Error::Transport(TransportError::connect(true, "refused"));
        let decode = || Error::Decode(DecodeError::new(StatusCode::OK, "it is empty"));
        type Case = (fn() -> Error, [&'static str; 2]);
        let cases: [Case; 22] = [
            (broken, ["failing", "unclear"]),
            (timeout, ["failing", "unclear"]),
            (connect, ["unreachable"; 2]),
            (decode, ["address", "unclear"]),
            (|| api(500, Some("INTERNAL_ERROR")), ["failing", "unclear"]),
            (|| api(503, None), ["failing", "unclear"]),
            (|| api(429, None), ["rate limited"; 2]),
            (|| api(401, None), ["denied"; 2]),
            (|| api(403, Some("FORBIDDEN")), ["denied"; 2]),
            (|| api(403, None), ["address"; 2]),
            (|| api(400, Some("INVALID_CLICK_ID")), ["refused"; 2]),
            (|| api(400, None), ["address"; 2]),
            (|| api(409, Some("CONFLICT")), ["refused"; 2]),
            (|| api(413, Some("PAYLOAD_TOO_LARGE")), ["refused"; 2]),
            (|| api(413, None), ["address"; 2]),
            (|| api(422, Some("VALIDATION_ERROR")), ["refused"; 2]),
            (|| api(404, None), ["address"; 2]),
            (|| api(404, Some("NOT_FOUND")), ["address"; 2]),
            (|| api(302, None), ["address", "unclear"]),
            (|| api(408, Some("TIMEOUT")), ["failing", "unclear"]),
            (|| api(425, None), ["failing", "unclear"]),
            (
                || Error::Queue(QueueError::refused("full")),
                ["failing", "unclear"],
            ),
        ];
        for (error, want) in cases {
            assert_eq!(verdicts(error), want, "{:?}", error());
        }
        assert!(matches!(
            judge(Attempt::Panicked, false),
            Verdict::Unclear(_)
        ));
        assert!(matches!(judge(Attempt::TimedOut, true), Verdict::Faulty(_)));
    }

    #[test]
    fn what_is_kept_of_an_answer_is_short_and_on_one_line() {
        let message = format!("a\0b\n{}", "x".repeat(5000));
        let status = StatusCode::BAD_REQUEST;
        let error = ApiError::new(status, Some("BAD".into()), Some(message));
        let Verdict::Refused(failure) = judge(Attempt::Answered(Err(Error::Api(error))), true)
        else {
            panic!("refused");
        };
        assert_eq!(
            (failure.status, failure.code.as_deref()),
            (Some(400), Some("BAD"))
        );
        let message = failure.message.unwrap();
        assert!(
            message.starts_with("a b x") && message.len() == 1000,
            "{message}"
        );
    }
}
