//! Which peers there are, and what is expected of a call to each.

use std::time::Duration;

use super::{
    http2,
    peer::{Act, answer, gzip_bomb},
    tls::Flaw,
};

/// The body of an answer that takes the sale.
pub(super) const ACCEPTED: &str = r#"{"sale":{"id":"sale_1"}}"#;

/// Whether the default transport speaks TLS here and takes the trust store from the environment.
pub(super) const fn has_tls() -> bool {
    cfg!(any(
        feature = "rustls",
        all(feature = "native-tls", not(feature = "rustls-ring"))
    )) && cfg!(target_os = "linux")
}

/// A peer, and what comes of a sale that may be repeated and of one that may not: the outcome and
/// how many requests the peer saw.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) budget: Budget,
    /// A call that goes well before, and so leaves a connection in the pool.
    pub(super) warm: bool,
    pub(super) want: [(&'static str, u32); 2],
    /// What the error says, somewhere in its chain.
    pub(super) says: &'static str,
}

#[derive(Clone)]
pub(super) enum Kind {
    Refuses,
    Full,
    Http1(Vec<Act>),
    Tls(Flaw),
    Http2(http2::Act, http2::Act),
}

impl Kind {
    pub(super) fn is_flood(&self) -> bool {
        matches!(self, Self::Http1(acts) if matches!(acts[..], [Act::Flood(..)]))
    }

    /// Whether a connection dies, which is found out before the attempt's time is over.
    pub(super) fn dies(&self) -> bool {
        use http2::Act::{Death, DeathOfTheFirst};
        matches!(
            self,
            Self::Http2(_, Death | DeathOfTheFirst) | Self::Http2(Death, _)
        )
    }

    /// Whether the first connection ends with its first answer.
    pub(super) fn closes_at_once(&self) -> bool {
        matches!(self, Self::Http1(acts) if matches!(acts[..], [Act::SayAndClose(_), ..]))
    }
}

#[derive(Clone, Copy)]
pub(super) struct Budget {
    pub(super) connect: Duration,
    pub(super) attempt: Duration,
    pub(super) total: Duration,
}

/// So much that no machine is too busy for what is not meant to take too long. A short one is still
/// enough for a busy machine to write the request whose answer does not come.
const AMPLE: Budget = Budget::new(60_000, 60_000, 120_000);
const SHORT_CONNECT: Budget = Budget::new(300, 60_000, 120_000);
const SHORT_ATTEMPT: Budget = Budget::new(60_000, 2_000, 120_000);
const SHORT_TOTAL: Budget = Budget::new(60_000, 60_000, 2_000);

impl Budget {
    const fn new(connect: u64, attempt: u64, total: u64) -> Self {
        Self {
            connect: Duration::from_millis(connect),
            attempt: Duration::from_millis(attempt),
            total: Duration::from_millis(total),
        }
    }

    /// What a call that times out has waited for at least.
    pub(super) fn shortest(&self) -> Duration {
        self.connect.min(self.attempt).min(self.total)
    }
}

impl Row {
    const fn new(name: &'static str, kind: Kind, want: [(&'static str, u32); 2]) -> Self {
        Self {
            name,
            kind,
            budget: AMPLE,
            warm: false,
            want,
            says: "",
        }
    }

    const fn within(mut self, budget: Budget) -> Self {
        self.budget = budget;
        self
    }

    const fn warm(mut self) -> Self {
        self.warm = true;
        self
    }

    const fn says(mut self, text: &'static str) -> Self {
        self.says = text;
        self
    }
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows = vec![Row::new(
        "refuses the connection",
        Kind::Refuses,
        [("unreachable", 0); 2],
    )];
    if cfg!(target_os = "linux") {
        rows.push(
            Row::new(
                "leaves the connection in its queue",
                Kind::Full,
                [("timeout", 0); 2],
            )
            .within(SHORT_CONNECT),
        );
    }
    rows.extend(slow());
    rows.extend(cut());
    rows.extend(pooled());
    rows.extend(large());
    rows.extend(misleading());
    rows.extend(malformed());
    if has_tls() {
        rows.extend(bad_tls());
        rows.extend(http2_rows());
    }
    rows
}

const TIMEOUT: [(&str, u32); 2] = [("timeout", 3), ("timeout", 1)];
const BROKEN: [(&str, u32); 2] = [("unreachable", 3), ("unreachable", 1)];
const BUSY: [(&str, u32); 2] = [("server_error", 3), ("server_error", 1)];
const ONE_ANSWER: [(&str, u32); 2] = [("accepted", 1); 2];

fn always(act: Act) -> Kind {
    Kind::Http1(vec![act])
}

fn accepting() -> Vec<u8> {
    answer("200 OK", "", ACCEPTED.as_bytes())
}

/// The head of an answer whose body is as long as said.
fn head(status: &str, headers: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\n{headers}\r\n").into_bytes()
}

fn slow() -> [Row; 5] {
    const WHOLE: &[u8] =
        b"HTTP/1.1 200 OK\r\ncontent-length: 24\r\n\r\n{\"sale\":{\"id\":\"sale_1\"}}";
    let hints = format!("link: </{}>\r\n", "a".repeat(4000));
    let silent = || always(Act::Say(Vec::new()));
    let body_only = Act::Drip(
        head("200 OK", "content-length: 24\r\n"),
        ACCEPTED.as_bytes(),
    );
    [
        Row::new("never answers", silent(), TIMEOUT).within(SHORT_ATTEMPT),
        Row::new(
            "never answers, the whole call being short of time",
            silent(),
            [("timeout", 1); 2],
        )
        .within(SHORT_TOTAL),
        Row::new(
            "answers a byte a second",
            always(Act::Drip(Vec::new(), WHOLE)),
            TIMEOUT,
        )
        .within(SHORT_ATTEMPT),
        Row::new(
            "answers a byte of the body a second",
            always(body_only),
            TIMEOUT,
        )
        .within(SHORT_ATTEMPT),
        Row::new(
            "1xx answers without end",
            always(Act::Flood(
                Vec::new(),
                [head("100 Continue", ""), head("103 Early Hints", &hints)].concat(),
            )),
            TIMEOUT,
        )
        .within(SHORT_ATTEMPT),
    ]
}

fn cut() -> [Row; 5] {
    let half = || {
        [
            head("200 OK", "content-length: 24\r\n"),
            b"{\"sale\":".to_vec(),
        ]
        .concat()
    };
    [
        Row::new(
            "closes without an answer",
            always(Act::SayAndClose(Vec::new())),
            BROKEN,
        ),
        Row::new(
            "resets in the middle of the head",
            always(Act::SayAndReset(b"HTTP/1.1 200 OK\r\ncontent-".to_vec())),
            BROKEN,
        ),
        Row::new(
            "resets in the middle of the body",
            always(Act::SayAndReset(half())),
            BROKEN,
        ),
        Row::new(
            "closes in the middle of the body",
            always(Act::SayAndClose(half())),
            BROKEN,
        ),
        Row::new(
            "resets once, then answers",
            Kind::Http1(vec![Act::SayAndReset(Vec::new()), Act::Say(accepting())]),
            [("accepted", 2), ("unreachable", 1)],
        ),
    ]
}

fn pooled() -> [Row; 2] {
    [
        Row::new(
            "closes the pooled connection before its reuse",
            Kind::Http1(vec![Act::SayAndClose(accepting()), Act::Say(accepting())]),
            [("accepted", 2); 2],
        )
        .warm(),
        Row::new(
            "resets the pooled connection at its reuse",
            Kind::Http1(vec![
                Act::Say(accepting()),
                Act::SayAndReset(Vec::new()),
                Act::Say(accepting()),
            ]),
            [("accepted", 3), ("unreachable", 2)],
        )
        .warm(),
    ]
}

fn large() -> [Row; 5] {
    const LONG: &str = "content-length: 104857600\r\n";
    let gzip = "content-type: application/json\r\ncontent-encoding: gzip\r\n";
    let flood = |status| always(Act::Flood(head(status, LONG), b" ".to_vec()));
    [
        Row::new("answers 100 MB", flood("200 OK"), [("unreadable", 1); 2])
            .says("it has more than 1048576 bytes"),
        Row::new(
            "answers 503 and 100 MB",
            flood("503 Service Unavailable"),
            BUSY,
        ),
        Row::new(
            "answers a head of 100 MB",
            always(Act::Flood(
                b"HTTP/1.1 200 OK\r\nx-long: ".to_vec(),
                b"a".to_vec(),
            )),
            BROKEN,
        ),
        Row::new(
            "answers headers without end",
            always(Act::Flood(
                b"HTTP/1.1 200 OK\r\n".to_vec(),
                b"x-more: a\r\n".to_vec(),
            )),
            BROKEN,
        ),
        Row::new(
            "gzip that explodes to 100 MB",
            always(Act::Say(answer("200 OK", gzip, &gzip_bomb()))),
            [("unreadable", 1); 2],
        )
        // What is unpacked, zeros, would be UTF-8.
        .says("it is not UTF-8"),
    ]
}

fn misleading() -> [Row; 5] {
    let redirect = |status| always(Act::Redirect(status));
    [
        Row::new(
            "302 to another host",
            redirect("302 Found"),
            [("other", 1); 2],
        )
        .says("service answered 302"),
        Row::new(
            "307 to another host",
            redirect("307 Temporary Redirect"),
            [("other", 1); 2],
        )
        .says("service answered 307"),
        Row::new(
            "101 that nobody asked for",
            always(Act::Say(head(
                "101 Switching Protocols",
                "connection: upgrade\r\nupgrade: other\r\n",
            ))),
            [("other", 1); 2],
        ),
        Row::new(
            "ten 1xx answers, then one that counts",
            always(Act::Say(
                [head("103 Early Hints", "").repeat(10), accepting()].concat(),
            )),
            ONE_ANSWER,
        ),
        Row::new(
            "answers 503",
            always(Act::Say(answer("503 Service Unavailable", "", b"<html>"))),
            BUSY,
        ),
    ]
}

fn malformed() -> [Row; 6] {
    let row = |name, text: &str| Row::new(name, always(Act::SayAndClose(text.into())), BROKEN);
    [
        row(
            "invalid header: a space in its name",
            "HTTP/1.1 200 OK\r\nx bad: 1\r\ncontent-length: 0\r\n\r\n",
        ),
        row(
            "invalid header: a zero byte in its value",
            "HTTP/1.1 200 OK\r\nx-bad: a\0b\r\ncontent-length: 0\r\n\r\n",
        ),
        row(
            "invalid header: two lengths",
            "HTTP/1.1 200 OK\r\ncontent-length: 24\r\ncontent-length: 2\r\n\r\n{\"sale\":{\"id\":\"sale_1\"}}",
        ),
        row(
            "invalid chunk length",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
        ),
        row("invalid status", "HTTP/1.1 OK\r\n\r\n"),
        row("speaks another protocol", "SSH-2.0-OpenSSH_9.6\r\n"),
    ]
}

fn bad_tls() -> [Row; 6] {
    let row = |name, flaw| Row::new(name, Kind::Tls(flaw), [("unreachable", 0); 2]);
    [
        row("bad TLS: nobody vouches for it", Flaw::Untrusted),
        row("bad TLS: for another host", Flaw::WrongName),
        row("bad TLS: expired", Flaw::Expired),
        row("bad TLS: plain text", Flaw::PlainText),
        row("bad TLS: reset in the handshake", Flaw::Resets),
        Row::new(
            "bad TLS: silent in the handshake",
            Kind::Tls(Flaw::Silent),
            [("timeout", 0); 2],
        )
        .within(SHORT_CONNECT),
    ]
}

fn http2_rows() -> [Row; 14] {
    use http2::Act::{
        Abort, Answer, AnswerHalfAndRefuse, Death, DeathOfTheFirst, GoAwayAndAnswer,
        GoAwayAndClose, GoAwayBefore, GoAwayBroken, Refuse, Silence,
    };
    let row = |name, first, then, want| Row::new(name, Kind::Http2(first, then), want);
    let repeated = [("accepted", 2); 2];
    [
        row("HTTP/2: answers", Answer, Answer, ONE_ANSWER),
        row("HTTP/2: never answers", Silence, Silence, TIMEOUT).within(SHORT_ATTEMPT),
        row(
            "HTTP/2: dies, and answers on another connection",
            Death,
            Answer,
            [("accepted", 2), ("timeout", 1)],
        )
        .within(SHORT_ATTEMPT),
        row("HTTP/2: dies, always", Death, Death, TIMEOUT).within(SHORT_ATTEMPT),
        row(
            "HTTP/2: answers, dies, and answers on another connection",
            Answer,
            DeathOfTheFirst,
            [("accepted", 3), ("timeout", 2)],
        )
        .within(SHORT_ATTEMPT)
        .warm(),
        row("HTTP/2: REFUSED_STREAM once", Refuse, Answer, repeated),
        row(
            "HTTP/2: REFUSED_STREAM always",
            Refuse,
            Refuse,
            [("unreachable", 3); 2],
        ),
        row(
            "HTTP/2: REFUSED_STREAM in the middle of the body",
            AnswerHalfAndRefuse,
            AnswerHalfAndRefuse,
            BROKEN,
        ),
        row("HTTP/2: gives the stream up", Abort, Abort, BROKEN),
        row(
            "HTTP/2: GOAWAY before the request",
            GoAwayBefore,
            Answer,
            repeated,
        ),
        row(
            "HTTP/2: GOAWAY before the request, always",
            GoAwayBefore,
            GoAwayBefore,
            [("unreachable", 3); 2],
        ),
        row(
            "HTTP/2: GOAWAY for an error of its own",
            GoAwayBroken,
            GoAwayBroken,
            BROKEN,
        ),
        row(
            "HTTP/2: GOAWAY after the request, then closes",
            GoAwayAndClose,
            GoAwayAndClose,
            BROKEN,
        ),
        row(
            "HTTP/2: GOAWAY after the request, then answers",
            GoAwayAndAnswer,
            Answer,
            ONE_ANSWER,
        ),
    ]
}
