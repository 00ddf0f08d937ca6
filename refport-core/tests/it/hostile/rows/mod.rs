//! Which peers there are, and what is expected of a call to each.

mod http1;
mod http2;
mod tls;

use std::time::Duration;

use super::{http2::Act as Http2Act, peer::Act, tls::Flaw};

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
    /// Calls that go well before, one after the other, and so leave a connection in the pool.
    pub(super) before: u32,
    pub(super) want: [(&'static str, u32); 2],
    /// What the error says, somewhere in its chain.
    pub(super) says: &'static str,
    /// How long it asks to wait, where a repeat is to wait as long.
    pub(super) asks_for: Duration,
}

#[derive(Clone)]
pub(super) enum Kind {
    Refuses,
    Full,
    Http1(Vec<Act>),
    Tls(Flaw),
    Http2(Vec<Http2Act>),
}

impl Kind {
    pub(super) fn is_flood(&self) -> bool {
        matches!(self, Self::Http1(acts) if matches!(acts[..], [Act::Flood(..)]))
    }

    /// Whether a connection dies, which is found out before the attempt's time is over.
    pub(super) fn dies(&self) -> bool {
        matches!(self, Self::Http2(acts) if acts.contains(&Http2Act::Death))
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
/// Of whom a handler waits for, made long enough for a busy machine.
const SHORT_CALL: Budget = Budget::new(60_000, 60_000, 9_000);
const HALF_A_MINUTE: Budget = Budget::new(60_000, 60_000, 30_000);

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
            before: 0,
            want,
            says: "",
            asks_for: Duration::ZERO,
        }
    }

    const fn within(mut self, budget: Budget) -> Self {
        self.budget = budget;
        self
    }

    const fn after(mut self, calls: u32) -> Self {
        self.before = calls;
        self
    }

    const fn says(mut self, text: &'static str) -> Self {
        self.says = text;
        self
    }

    const fn asks_for(mut self, seconds: u64) -> Self {
        self.asks_for = Duration::from_secs(seconds);
        self
    }
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows = http1::rows();
    if has_tls() {
        rows.extend(tls::rows());
        rows.extend(http2::rows());
    }
    rows
}

const TIMEOUT: [(&str, u32); 2] = [("timeout", 3), ("timeout", 1)];
const BROKEN: [(&str, u32); 2] = [("unreachable", 3), ("unreachable", 1)];
const BUSY: [(&str, u32); 2] = [("server_error", 3), ("server_error", 1)];
const ONE_ANSWER: [(&str, u32); 2] = [("accepted", 1); 2];
