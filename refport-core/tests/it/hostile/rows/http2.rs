//! Peers that do HTTP/2 wrongly.

use super::{BROKEN, Kind, ONE_ANSWER, Row, SHORT_ATTEMPT, SHORT_CALL, TIMEOUT};
use crate::hostile::http2::Act::{
    self, Abort, Answer, AnswerAndShut, AnswerHalfAndRefuse, AnswerUnacknowledged, Death,
    GoAwayAndAnswer, GoAwayAndClose, GoAwayAndStay, GoAwayBefore, GoAwayBroken, Refuse, Silence,
};

const REPEATED: [(&str, u32); 2] = [("accepted", 2); 2];

pub(super) fn rows() -> Vec<Row> {
    let mut rows = Vec::from(silent());
    rows.extend(hampered());
    rows.extend(refused());
    rows.extend(going());
    rows
}

fn row(name: &'static str, acts: &[Act], want: [(&'static str, u32); 2]) -> Row {
    Row::new(name, Kind::Http2(acts.to_vec()), want)
}

fn silent() -> [Row; 7] {
    [
        row("HTTP/2: answers", &[Answer], ONE_ANSWER),
        row("HTTP/2: never answers", &[Silence], TIMEOUT).within(SHORT_ATTEMPT),
        // It answers pings, so that nothing tells the client to leave it.
        row(
            "HTTP/2: answers twice, then only pings on that connection",
            &[Answer, Answer, Silence, Answer],
            [("timeout", 5), ("timeout", 3)],
        )
        .within(SHORT_ATTEMPT)
        .after(2),
        row(
            "HTTP/2: dies, and answers on another connection",
            &[Death, Answer],
            [("accepted", 2), ("timeout", 1)],
        )
        .within(SHORT_ATTEMPT),
        row(
            "HTTP/2: dies, the whole call being short of time, and answers on another connection",
            &[Death, Answer],
            [("accepted", 2), ("timeout", 1)],
        )
        .within(SHORT_CALL),
        row("HTTP/2: dies, always", &[Death], TIMEOUT).within(SHORT_ATTEMPT),
        row(
            "HTTP/2: answers, dies, and answers on another connection",
            &[Answer, Death, Answer],
            [("accepted", 3), ("timeout", 2)],
        )
        .within(SHORT_ATTEMPT)
        .after(1),
    ]
}

fn hampered() -> [Row; 2] {
    [
        row(
            "HTTP/2: SETTINGS never acknowledged",
            &[AnswerUnacknowledged],
            [("accepted", 2); 2],
        )
        .after(1),
        row(
            "HTTP/2: answers once, then no window for a body",
            &[AnswerAndShut],
            [("timeout", 4), ("timeout", 2)],
        )
        .within(SHORT_ATTEMPT)
        .after(1),
    ]
}

fn refused() -> [Row; 4] {
    [
        row("HTTP/2: REFUSED_STREAM once", &[Refuse, Answer], REPEATED),
        row(
            "HTTP/2: REFUSED_STREAM always",
            &[Refuse],
            [("unreachable", 3); 2],
        ),
        row(
            "HTTP/2: REFUSED_STREAM in the middle of the body",
            &[AnswerHalfAndRefuse],
            BROKEN,
        ),
        row("HTTP/2: gives the stream up", &[Abort], BROKEN),
    ]
}

fn going() -> [Row; 7] {
    [
        row(
            "HTTP/2: GOAWAY before the request",
            &[GoAwayBefore, Answer],
            REPEATED,
        ),
        row(
            "HTTP/2: GOAWAY before the request, always",
            &[GoAwayBefore],
            [("unreachable", 3); 2],
        ),
        row(
            "HTTP/2: GOAWAY for an error of its own",
            &[GoAwayBroken],
            BROKEN,
        ),
        row(
            "HTTP/2: GOAWAY after the request, then closes",
            &[GoAwayAndClose],
            BROKEN,
        ),
        row(
            "HTTP/2: GOAWAY after the request, then neither closes nor answers",
            &[GoAwayAndStay, Answer],
            [("accepted", 2), ("timeout", 1)],
        )
        .within(SHORT_ATTEMPT),
        row(
            "HTTP/2: GOAWAY after the request, then answers",
            &[GoAwayAndAnswer, Answer],
            ONE_ANSWER,
        ),
        row(
            "HTTP/2: GOAWAY and an answer to the call before, not closed",
            &[GoAwayAndAnswer],
            [("accepted", 2); 2],
        )
        .after(1),
    ]
}
