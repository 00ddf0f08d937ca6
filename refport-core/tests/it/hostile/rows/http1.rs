//! Peers in plain text.

use super::{
    BROKEN, BUSY, HALF_A_MINUTE, Kind, ONE_ANSWER, Row, SHORT_ATTEMPT, SHORT_CONNECT, SHORT_TOTAL,
    TIMEOUT,
};
use crate::hostile::peer::{ACCEPTED, Act, answer, gzip_bomb};

pub(super) fn rows() -> Vec<Row> {
    let mut rows = unreachable();
    rows.extend(slow());
    rows.extend(cut());
    rows.extend(pooled());
    rows.extend(large());
    rows.extend(misleading());
    rows.extend(busy());
    rows.extend(malformed());
    rows
}

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

fn unreachable() -> Vec<Row> {
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
    rows
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
            [("timeout", 2), ("timeout", 1)],
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

fn pooled() -> [Row; 3] {
    [
        Row::new(
            "closes the pooled connection before its reuse",
            Kind::Http1(vec![Act::SayAndClose(accepting()), Act::Say(accepting())]),
            [("accepted", 2); 2],
        )
        .after(1),
        Row::new(
            "resets the pooled connection at its reuse",
            Kind::Http1(vec![
                Act::Say(accepting()),
                Act::SayAndReset(Vec::new()),
                Act::Say(accepting()),
            ]),
            [("accepted", 3), ("unreachable", 2)],
        )
        .after(1),
        Row::new(
            "answers twice, then never again on that connection",
            Kind::Http1(vec![
                Act::Say(accepting()),
                Act::Say(accepting()),
                Act::Silence,
                Act::Say(accepting()),
            ]),
            [("accepted", 4), ("timeout", 3)],
        )
        .within(SHORT_ATTEMPT)
        .after(2),
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

fn misleading() -> [Row; 4] {
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
    ]
}

fn busy() -> [Row; 3] {
    const STATUS: &str = "503 Service Unavailable";
    let asks = |seconds| {
        let header = format!("retry-after: {seconds}\r\n");
        Act::Say(answer(STATUS, &header, b""))
    };
    [
        Row::new(
            "answers 503",
            always(Act::Say(answer(STATUS, "", b"<html>"))),
            BUSY,
        ),
        Row::new(
            "answers 503 and asks for a second, then accepts",
            Kind::Http1(vec![asks(1), Act::Say(accepting())]),
            [("accepted", 2), ("server_error", 1)],
        )
        .asks_for(1),
        Row::new(
            "answers 503 and asks for more time than the call has",
            always(asks(60)),
            [("server_error", 1); 2],
        )
        .within(HALF_A_MINUTE),
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
