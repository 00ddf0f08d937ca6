use std::{
    collections::VecDeque,
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use serde_json::Value;
use tower_service::Service;

use super::{
    answer::Answer,
    sent::{Call, Sent, is_partli, key},
    service,
};
use crate::{Client, ClientBuilder, Lead, Partli, Refport, Sale, TransportError};

/// A service inside your test, which keeps what it is sent and answers as told.
///
/// It accepts everything until it is told otherwise, with the documented answers: they repeat the
/// request's fields, and a sale earns its partner 10 %. A sale with an invoice ID that it has
/// counted is answered as the first time and not counted again, as by the service. For
/// [`Partli`] it does as that service: an event's ID, and leads that count once too.
///
/// Give each service a recorder of its own where a test has several.
///
/// Clones share what was sent. The recorder is a transport itself: a client with settings of your
/// own is `Refport::builder("rk_test").transport(recorder.clone())`.
#[derive(Clone)]
pub struct Recorder(Arc<Mutex<State>>);

struct State {
    percent: u32,
    script: VecDeque<Answer>,
    otherwise: Answer,
    sent: Vec<Sent>,
}

impl Recorder {
    /// One that accepts everything.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            percent: 10,
            script: VecDeque::new(),
            otherwise: Answer::accepted(),
            sent: Vec::new(),
        })))
    }

    /// What share of a sale its partner earns, rounded half up.
    #[must_use]
    pub fn commission_percent(self, percent: u32) -> Self {
        self.lock().percent = percent;
        self
    }

    /// A client of this recorder: everything that is sent through it arrives here.
    ///
    /// It has the defaults of [`Refport::builder`], but tests do not like to wait: an attempt has
    /// 100 ms, and the first wait between two is 1 ms, the longest 10 ms. So it stands for the public
    /// service, which is not told when a sale happened; where yours is, build a client with its base URL or
    /// with [`send_occurred_at`](ClientBuilder::send_occurred_at), over this recorder.
    #[must_use]
    pub fn refport(&self) -> Refport {
        self.client(Refport::builder("rk_test"))
    }

    /// A client of this recorder for Partli, with the settings of [`refport`](Self::refport).
    #[must_use]
    pub fn partli(&self) -> Partli {
        self.client(Partli::builder("pk_live_test"))
    }

    fn client<C: Client>(&self, builder: ClientBuilder<C>) -> C {
        builder
            .attempt_timeout(Duration::from_millis(100))
            .backoff(Duration::from_millis(1), Duration::from_millis(10))
            .transport(self.clone())
            .build()
            .expect("the key is visible ASCII, and the settings are in bounds")
    }

    /// Answers the next request so; where several answers wait, they are given in order, and the
    /// requests after them are answered as before.
    pub fn answer_next(&self, answer: impl Into<Answer>) {
        self.lock().script.push_back(answer.into());
    }

    /// Answers the next requests so, one after another: a script.
    ///
    /// ```
    /// # use refport_core::test_util::{Answer, Recorder};
    /// # let recorder = Recorder::new();
    /// recorder.answer_in_order([Answer::refused(), Answer::page(502), Answer::accepted()]);
    /// ```
    pub fn answer_in_order(&self, answers: impl IntoIterator<Item = Answer>) {
        self.lock().script.extend(answers);
    }

    /// Answers every request so from now on, once the script is over.
    pub fn answer_always(&self, answer: impl Into<Answer>) {
        self.lock().otherwise = answer.into();
    }

    /// Everything that was sent, in order: each attempt, whatever came of it.
    #[must_use]
    pub fn sent(&self) -> Vec<Sent> {
        self.lock().sent.clone()
    }

    /// The sales that the service would have counted, in order.
    ///
    /// ```
    /// use refport_core::{ClickId, Sale, test_util::Recorder};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let click_id: ClickId = "clk_1".parse()?;
    /// let recorder = Recorder::new();
    /// let sale = Sale::new(click_id, "user_001", 4900).currency("usd").invoice_id("inv_001");
    /// recorder.refport().track.sale(sale.clone()).await?;
    /// recorder.refport().track.sale(sale.clone()).await?; // counts once
    /// assert_eq!(recorder.sales(), [sale]);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn sales(&self) -> Vec<Sale> {
        self.counted().filter_map(|sent| sent.sale()).collect()
    }

    /// The leads that the service would have counted, in order. Refport documents no key by which
    /// a repeated lead would count once.
    #[must_use]
    pub fn leads(&self) -> Vec<Lead> {
        self.counted().filter_map(|sent| sent.lead()).collect()
    }

    fn counted(&self) -> impl Iterator<Item = Sent> {
        self.sent().into_iter().filter(Sent::is_counted)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Keeps the request. Gives how to answer it, and what the service would say.
    fn receive(&mut self, request: Request<Bytes>) -> (Answer, Response<Bytes>) {
        let answer = self.script.pop_front();
        let answer = answer.unwrap_or_else(|| self.otherwise.clone());
        let body = serde_json::from_slice(request.body()).unwrap_or_default();
        let call = Call::of(request.uri());
        let first = self.first_of(call, &body).map(|sent| sent.usual.clone());
        let is_first = first.is_none();
        let number = self.sent.len() + 1;
        let usual = match first {
            _ if answer.is_no_link() => service::no_link(&body),
            Some(first) => first,
            None => service::usual(call, &body, number, self.percent),
        };
        let sent = Sent::new(request, body, answer.clone(), usual.clone(), is_first);
        self.sent.push(sent);
        (answer, usual)
    }

    /// The report that this one repeats.
    fn first_of(&self, call: Call, body: &Value) -> Option<&Sent> {
        let key = key(call, body)?;
        self.sent
            .iter()
            .find(|sent| sent.is_taken_as(call, key) && is_partli(sent.body()) == is_partli(body))
    }
}

impl Default for Recorder {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder")
            .field("sent", &self.sent())
            .finish_non_exhaustive()
    }
}

impl Service<Request<Bytes>> for Recorder {
    type Response = Response<Bytes>;
    type Error = TransportError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Bytes>, TransportError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let (answer, usual) = self.lock().receive(request);
        Box::pin(answer.act(usual))
    }
}
