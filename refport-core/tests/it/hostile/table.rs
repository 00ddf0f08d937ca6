//! The table: a call to each peer, and what came of it.

use std::{
    error::Error as StdError,
    fmt,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use refport_core::{ClickId, Error, ErrorKind, Refport, Sale};
use tokio::{task::JoinSet, time::sleep};

use super::{
    http2,
    peer::{KEY, Peer, Seen},
    rows::{Budget, Kind, Row, rows},
    tls::{self, Certificates},
};

/// More than fits into an answer and the buffers on its way, and much less than a flood has.
const MOST: usize = 16 * 1024 * 1024;

/// What came of the calls to one peer that came out alike.
pub(super) struct Line {
    peer: &'static str,
    call: &'static str,
    outcome: &'static str,
    requests: u32,
    elapsed: Duration,
    budget: Duration,
    pub(super) problems: Vec<String>,
}

impl Line {
    pub(super) const HEAD: &str = "| peer | call | outcome | requests seen | time vs budget |\n\
                                   |---|---|---|---|---|";
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            peer,
            call,
            outcome,
            requests,
            ..
        } = self;
        let (elapsed, budget) = (self.elapsed.as_secs_f64(), self.budget.as_secs_f64());
        write!(
            f,
            "| {peer} | {call} | {outcome} | {requests} | {elapsed:.2} s of {budget} s |"
        )
    }
}

/// Meets the peers, and tells in the order of the table. The floods come last, so that the others
/// have the machine for themselves.
pub(super) async fn meet_all(certificates: &Certificates) -> Vec<Line> {
    let rows = rows().into_iter().enumerate();
    let (floods, others): (Vec<_>, Vec<_>) = rows.partition(|(_, row)| row.kind.is_flood());
    let mut met = meet(others, certificates).await;
    met.extend(meet(floods, certificates).await);
    met.sort_by_key(|(place, _)| *place);
    met.into_iter().flat_map(|(_, lines)| lines).collect()
}

/// Meets these at once.
async fn meet(rows: Vec<(usize, Row)>, certificates: &Certificates) -> Vec<(usize, Vec<Line>)> {
    let mut prepared = Vec::new();
    for (place, row) in rows {
        let first = Encounter::prepare(&row, true, certificates).await;
        let second = Encounter::prepare(&row, false, certificates).await;
        prepared.push((place, first, second));
    }
    let meetings: JoinSet<_> = prepared
        .into_iter()
        .map(async |(place, first, second)| (place, merge(first.go().await, second.go().await)))
        .collect();
    meetings.join_all().await
}

/// One line where both calls came out alike.
fn merge(first: Line, mut second: Line) -> Vec<Line> {
    if (first.outcome, first.requests) != (second.outcome, second.requests) {
        return vec![first, second];
    }
    second.problems.splice(0..0, first.problems);
    vec![Line {
        call: "any sale",
        elapsed: first.elapsed.max(second.elapsed),
        ..second
    }]
}

/// One call to one peer.
struct Encounter {
    name: &'static str,
    budget: Budget,
    before: u32,
    closes_at_once: bool,
    dies: bool,
    want: (&'static str, u32),
    says: &'static str,
    asks_for: Duration,
    plain: bool,
    repeatable: bool,
    peer: Peer,
    /// Somebody else, who must hear nothing.
    elsewhere: Peer,
    client: Refport,
}

impl Encounter {
    async fn prepare(row: &Row, repeatable: bool, certificates: &Certificates) -> Self {
        let elsewhere = Peer::listening(async |_, _| Ok(())).await;
        let peer = match row.kind.clone() {
            Kind::Refuses => Peer::refusing(),
            Kind::Full => Peer::full().await,
            Kind::Http1(acts) => Peer::http1(acts, elsewhere.address.port()).await,
            Kind::Tls(flaw) => tls::peer(flaw, certificates).await,
            Kind::Http2(acts) => http2::peer(acts, &certificates.good).await,
        };
        let plain = !matches!(row.kind, Kind::Tls(_) | Kind::Http2(_));
        let scheme = if plain { "http" } else { "https" };
        let client = Refport::builder(KEY)
            .base_url(format!("{scheme}://{}", peer.address))
            .connect_timeout(row.budget.connect)
            .attempt_timeout(row.budget.attempt)
            .total_timeout(row.budget.total)
            .backoff(Duration::from_millis(10), Duration::from_millis(20))
            .build()
            .unwrap();
        Self {
            name: row.name,
            budget: row.budget,
            before: row.before,
            closes_at_once: row.kind.closes_at_once(),
            dies: row.kind.dies(),
            want: row.want[usize::from(!repeatable)],
            says: row.says,
            asks_for: row.asks_for,
            plain,
            repeatable,
            peer,
            elsewhere,
            client,
        }
    }

    async fn go(self) -> Line {
        for _ in 0..self.before {
            self.client.track.sale(self.sale()).await.unwrap();
            if self.closes_at_once {
                assert!(self.peer.seen.is_let_go().await, "{}", self.name);
            } else {
                // The connection gets back into the pool meanwhile, which nobody outside can see. It
                // comes out alike where the next call makes one of its own.
                sleep(Duration::from_millis(100)).await;
            }
        }
        let start = Instant::now();
        let result = self.client.track.sale(self.sale()).await;
        let elapsed = start.elapsed();
        let error = result.err();
        let outcome = error.as_ref().map_or("accepted", outcome_of);
        self.finish(outcome, elapsed, error.as_ref().map(chain))
            .await
    }

    fn sale(&self) -> Sale {
        let sale = Sale::new("clk_1".parse::<ClickId>().unwrap(), "user_001", 4900);
        if self.repeatable {
            sale.invoice_id("inv_001")
        } else {
            sale
        }
    }

    async fn finish(self, outcome: &'static str, elapsed: Duration, error: Option<String>) -> Line {
        let seen = &self.peer.seen;
        drop(self.client);
        let is_let_go = seen.is_let_go().await;
        let requests = seen.requests.load(Ordering::SeqCst);
        let error = error.unwrap_or_default();
        // That a budget is kept to the millisecond is tested on a clock that stands still: `retries`.
        let is_patient = outcome != "timeout" || self.dies || elapsed >= self.budget.shortest();
        let checks = [
            (outcome == self.want.0, "the outcome"),
            (requests == self.want.1, "the number of requests"),
            (is_patient, "a time-out before its time"),
            (
                requests < 2 || elapsed >= self.asks_for,
                "a repeat before its time",
            ),
            (error.contains(self.says), "what the error says"),
            (!error.contains(KEY), "the key in the error"),
            (self.elsewhere.seen.connections() == 0, "a call elsewhere"),
            (is_let_go, "a connection that is kept"),
            (carried_key(seen, self.plain), "where the key stood"),
            (
                outcome == "timeout" || seen.flooded.load(Ordering::SeqCst) < MOST,
                "a flood that was read",
            ),
            (
                !seen.offered_encodings.load(Ordering::SeqCst),
                "an offer to unpack",
            ),
        ];
        let problems = checks.into_iter().filter(|(right, _)| !right);
        let call = if self.repeatable {
            "sale with invoice ID"
        } else {
            "sale without"
        };
        Line {
            peer: self.name,
            call,
            outcome,
            requests,
            elapsed,
            budget: self.budget.total,
            problems: problems
                .map(|(_, what)| {
                    let (name, want) = (self.name, self.want);
                    format!("{name}, {call}: {what}; {outcome} {requests} {elapsed:?}, not {want:?}: {error}")
                })
                .collect(),
        }
    }
}

/// Once in each request over plain HTTP, and never outside of TLS where that was asked for. Inside
/// of TLS nobody looks.
fn carried_key(seen: &Seen, plain: bool) -> bool {
    let requests = seen.requests.load(Ordering::SeqCst);
    seen.keys.load(Ordering::SeqCst) == if plain { requests } else { 0 }
}

/// The words that traces and metrics have for it.
fn outcome_of(error: &Error) -> &'static str {
    match error {
        Error::Decode(_) => "unreadable",
        Error::Transport(error) if error.is_timeout() => "timeout",
        Error::Transport(_) => "unreachable",
        Error::Api(error) if error.kind() == ErrorKind::Server => "server_error",
        Error::Api(_) => "other",
        _ => "not sent",
    }
}

/// Everything an error says, the way it is shown and the way it is debugged.
fn chain(error: &Error) -> String {
    let mut text = format!("{error:?}");
    let mut next: Option<&dyn StdError> = Some(error);
    while let Some(error) = next {
        text += &format!("; {error}");
        next = error.source();
    }
    text
}
