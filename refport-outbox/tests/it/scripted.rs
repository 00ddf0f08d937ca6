//! A destination that does as the test says, and counts as a service would.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::StatusCode;
use refport_outbox::refport_core::{
    ApiError, ClickId, CookieName, DecodeError, Error, Lead, Sale, TransportError,
    destination::{Destination, Reported, Reporting},
    track::Outcome,
};
use refport_outbox::{Enqueued, Outbox};
use serde_json::Value;
use tokio::sync::Semaphore;

/// What the service does with one call.
#[derive(Clone, Debug)]
pub(crate) enum Does {
    /// Counts it and answers.
    Takes,
    /// Counts it, and the answer is lost on its way.
    TakesAndLosesTheAnswer,
    /// Breaks the connection before it has looked.
    Breaks,
    /// Is not there.
    IsGone,
    /// Answers a status, with the code of a service or none, and a wait that it asks for.
    Answers(u16, Option<&'static str>, Option<Duration>),
    /// Is not the one that answers: a page with status 200.
    Nonsense,
    /// Nothing was counted, for nobody earns by it.
    HasNothing,
    Panics,
    /// Waits until the test lets it go on, and then takes it.
    Waits,
}

/// A service. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Service {
    name: &'static str,
    state: Arc<Mutex<State>>,
    gate: Arc<Semaphore>,
}

struct State {
    script: VecDeque<Does>,
    otherwise: Does,
    by_invoice: HashMap<String, Does>,
    /// The calls as they came in.
    calls: Vec<Value>,
    /// What was counted, by invoice ID where there is one.
    counted: Vec<Value>,
    at_once: usize,
    most_at_once: usize,
    /// Taken since the test began to watch for herds, and whether there was one: more calls at once
    /// than successes would explain.
    taken: Option<usize>,
    herd: bool,
}

impl Service {
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            state: Arc::new(Mutex::new(State {
                script: VecDeque::new(),
                otherwise: Does::Takes,
                by_invoice: HashMap::new(),
                calls: Vec::new(),
                counted: Vec::new(),
                at_once: 0,
                most_at_once: 0,
                taken: None,
                herd: false,
            })),
            gate: Arc::new(Semaphore::new(0)),
        }
    }

    pub(crate) fn refport() -> Self {
        Self::new("refport")
    }

    pub(crate) fn then(&self, does: impl IntoIterator<Item = Does>) -> &Self {
        self.lock().script.extend(does);
        self
    }

    pub(crate) fn always(&self, does: Does) -> &Self {
        self.lock().otherwise = does;
        self
    }

    /// What it does with the sales of this invoice, always.
    pub(crate) fn with_invoice(&self, id: &str, does: Does) -> &Self {
        self.lock().by_invoice.insert(id.to_owned(), does);
        self
    }

    pub(crate) fn calls(&self) -> usize {
        self.lock().calls.len()
    }

    pub(crate) fn calls_of(&self, invoice: &str) -> usize {
        let called = self.called("invoiceId");
        called.iter().filter(|called| *called == invoice).count()
    }

    /// A field of each call, in their order.
    pub(crate) fn called(&self, field: &str) -> Vec<Value> {
        let state = self.lock();
        state.calls.iter().map(|body| body[field].clone()).collect()
    }

    /// What was counted, as a field of each.
    pub(crate) fn counted(&self, field: &str) -> Vec<Value> {
        let state = self.lock();
        state
            .counted
            .iter()
            .map(|body| body[field].clone())
            .collect()
    }

    /// How many calls were open at the same time, at most, since this was last asked.
    pub(crate) fn most_at_once(&self) -> usize {
        std::mem::take(&mut self.lock().most_at_once)
    }

    pub(crate) fn watch_for_herds(&self) {
        self.lock().taken = Some(0);
    }

    pub(crate) fn saw_a_herd(&self) -> bool {
        self.lock().herd
    }

    /// Lets so many go on that wait.
    pub(crate) fn let_go(&self, calls: usize) {
        self.gate.add_permits(calls);
    }

    /// Waits until so many calls have come in.
    pub(crate) async fn has_calls(&self, calls: usize) {
        while self.calls() < calls {
            tokio::task::yield_now().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, body: &Value) -> Does {
        let mut state = self.lock();
        state.calls.push(body.clone());
        state.at_once += 1;
        state.most_at_once = state.most_at_once.max(state.at_once);
        state.herd |= state.taken.is_some_and(|taken| state.at_once > taken + 1);
        let invoice = body["invoiceId"].as_str().unwrap_or_default();
        if let Some(does) = state.by_invoice.get(invoice) {
            return does.clone();
        }
        let next = state.script.pop_front();
        next.unwrap_or_else(|| state.otherwise.clone())
    }

    fn count(&self, body: &Value) {
        let mut state = self.lock();
        state.taken = state.taken.map(|taken| taken + 1);
        let invoice = &body["invoiceId"];
        let is_known = state
            .counted
            .iter()
            .any(|known| known["invoiceId"] == *invoice);
        if invoice.is_null() || !is_known {
            state.counted.push(body.clone());
        }
    }

    async fn answer(&self, body: Value) -> Result<Outcome<Reported>, Error> {
        let does = self.begin(&body);
        let _open = Open(self);
        // As a call over a network does not end at once.
        tokio::task::yield_now().await;
        match does {
            Does::Takes => self.count(&body),
            Does::TakesAndLosesTheAnswer => {
                self.count(&body);
                return Err(Error::Transport(TransportError::broken("cut off")));
            }
            Does::Breaks => return Err(Error::Transport(TransportError::broken("cut off"))),
            Does::IsGone => {
                return Err(Error::Transport(TransportError::connect(false, "refused")));
            }
            Does::Answers(status, code, wait) => {
                let status = StatusCode::from_u16(status).unwrap();
                let message = code.map(|code| format!("{code}, says the service"));
                let error = ApiError::new(status, code.map(str::to_owned), message);
                return Err(Error::Api(error.waiting(wait)));
            }
            Does::Nonsense => {
                let page = DecodeError::new(StatusCode::OK, "it is not JSON");
                return Err(Error::Decode(page));
            }
            Does::HasNothing => {
                let why = refport_outbox::refport_core::track::NothingToReport::NotAttributed;
                return Ok(Outcome::NothingToReport(why));
            }
            Does::Panics => panic!("told so by the test"),
            Does::Waits => {
                self.gate.acquire().await.unwrap().forget();
                self.count(&body);
            }
        }
        Ok(Outcome::Accepted(Reported::default()))
    }
}

struct Open<'a>(&'a Service);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.lock().at_once -= 1;
    }
}

impl Destination for Service {
    fn name(&self) -> &str {
        self.name
    }

    fn cookie_name(&self) -> CookieName {
        CookieName::REFPORT
    }

    fn needs_click(&self) -> bool {
        true
    }

    fn report_lead(&self, lead: Lead) -> Reporting<'_> {
        Box::pin(async move { self.answer(serde_json::to_value(lead).unwrap()).await })
    }

    fn report_sale(&self, sale: Sale) -> Reporting<'_> {
        Box::pin(async move { self.answer(serde_json::to_value(sale).unwrap()).await })
    }
}

pub(crate) fn click() -> ClickId {
    "clk_1".parse().unwrap()
}

/// A sale of 49.00 dollars that counts once.
pub(crate) fn sale(invoice: &str) -> Sale {
    Sale::new(click(), "user_001", 4900).invoice_id(invoice)
}

/// Enqueues a new sale for each of these invoices.
pub(crate) async fn enqueue(outbox: &Outbox, invoices: impl IntoIterator<Item = String>) {
    for invoice in invoices {
        assert_eq!(outbox.sale(sale(&invoice)).await.unwrap(), Enqueued::New);
    }
}
