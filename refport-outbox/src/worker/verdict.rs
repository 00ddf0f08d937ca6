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
    /// Never to be taken.
    Refused(Failure),
    /// Perhaps taken, and a repeat could count twice.
    Unclear(Failure),
    /// Not taken, because the destination wants to be left alone for a while.
    RateLimited(Failure, Option<Duration>),
    /// Not taken: nobody is there.
    Unreachable(Failure),
    /// Not taken: the API key is wrong.
    Denied(Failure),
    /// Something is wrong with the destination or with this event. It may ask for a wait.
    Failing(Failure, Option<Duration>),
}

/// The verdict on an attempt to deliver an event, of which a repeat counts once or not.
pub(super) fn judge(attempt: Attempt, counts_once: bool) -> Verdict {
    let (verdict, certainly_not_taken) = match attempt {
        Attempt::Answered(Ok(outcome)) => return Verdict::Delivered(note(&outcome)),
        Attempt::Answered(Err(error)) => of_error(&error),
        Attempt::TimedOut => (
            Verdict::Failing(failure("timeout", "the delivery took too long"), None),
            false,
        ),
        Attempt::Panicked => (
            Verdict::Failing(failure("panic", "the destination panicked"), None),
            false,
        ),
    };
    match verdict {
        Verdict::Failing(failure, _) | Verdict::Refused(failure)
            if !certainly_not_taken && !counts_once =>
        {
            Verdict::Unclear(unclear(failure))
        }
        verdict => verdict,
    }
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
            Verdict::Refused(failure("invalid", &refused.to_string())),
            true,
        ),
        // Of a client that is disabled: what is stored waits for one with a key.
        Error::NotSetUp(_) => (
            Verdict::Denied(failure("not_set_up", &error.to_string())),
            true,
        ),
        Error::Api(error) => of_answer(error),
        Error::Transport(error) => of_transport(error),
        Error::Decode(error) => {
            let failure = Failure {
                status: Some(error.status().as_u16()),
                ..failure("unreadable_answer", &error.to_string())
            };
            (Verdict::Refused(failure), false)
        }
        // Of a newer core: repeated where it says so.
        error if error.is_retryable() => {
            (Verdict::Failing(failure("other", "unknown"), None), false)
        }
        _ => (Verdict::Refused(failure("other", "unknown")), false),
    }
}

fn of_answer(error: &ApiError) -> (Verdict, bool) {
    let failure = |reason| Failure {
        reason,
        status: Some(error.status().as_u16()),
        code: error.code().map(tidy),
        message: error.message().map(tidy),
    };
    let after = error.retry_after();
    match error.kind() {
        ErrorKind::Auth => (Verdict::Denied(failure("denied")), true),
        ErrorKind::RateLimit => (Verdict::RateLimited(failure("rate_limit"), after), true),
        ErrorKind::Server => (Verdict::Failing(failure("server_error"), after), false),
        // The page of a proxy, or a wrong address: the service itself says why.
        _ if error.code().is_none() && error.message().is_none() => {
            (Verdict::Failing(failure("unexplained"), after), false)
        }
        _ => (Verdict::Refused(failure("refused")), true),
    }
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
    (Verdict::Failing(failure(reason, &message), None), false)
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
    use refport_core::DecodeError;

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
                Verdict::Refused(_) => "refused",
                Verdict::Unclear(_) => "unclear",
                Verdict::RateLimited(..) => "rate limited",
                Verdict::Unreachable(_) => "unreachable",
                Verdict::Denied(_) => "denied",
                Verdict::Failing(..) => "failing",
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
        let cases: [Case; 13] = [
            (broken, ["failing", "unclear"]),
            (timeout, ["failing", "unclear"]),
            (connect, ["unreachable"; 2]),
            (decode, ["refused", "unclear"]),
            (|| api(500, Some("INTERNAL_ERROR")), ["failing", "unclear"]),
            (|| api(503, None), ["failing", "unclear"]),
            (|| api(429, None), ["rate limited"; 2]),
            (|| api(401, None), ["denied"; 2]),
            (|| api(403, Some("FORBIDDEN")), ["denied"; 2]),
            (|| api(400, Some("INVALID_CLICK_ID")), ["refused"; 2]),
            (|| api(404, None), ["failing", "unclear"]),
            (|| api(302, None), ["failing", "unclear"]),
            (|| api(413, Some("PAYLOAD_TOO_LARGE")), ["refused"; 2]),
        ];
        for (error, want) in cases {
            assert_eq!(verdicts(error), want, "{:?}", error());
        }
        assert!(matches!(
            judge(Attempt::Panicked, false),
            Verdict::Unclear(_)
        ));
        assert!(matches!(
            judge(Attempt::TimedOut, true),
            Verdict::Failing(..)
        ));
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
