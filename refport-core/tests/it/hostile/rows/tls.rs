//! Peers that do TLS wrongly.

use super::{Kind, Row, SHORT_CONNECT};
use crate::hostile::tls::Flaw;

pub(super) fn rows() -> [Row; 6] {
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
