//! A transport that answers as told, with no network.

use std::{
    future::{Ready, ready},
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use refport_core::{BoxError, ClickId, Refport, RefportBuilder, Sale};
use tower_service::Service;

/// Each call takes the next outcome; the last one goes on for ever.
#[derive(Clone)]
pub(crate) struct Scripted {
    outcomes: Arc<Mutex<Vec<Outcome>>>,
    seen: Arc<Mutex<Vec<Request<Bytes>>>>,
}

type Outcome = Box<dyn Fn() -> Result<Response<Bytes>, BoxError> + Send>;

impl Scripted {
    pub(crate) fn new(outcomes: impl IntoIterator<Item = Outcome>) -> Self {
        let mut outcomes: Vec<Outcome> = outcomes.into_iter().collect();
        outcomes.reverse();
        Self {
            outcomes: Arc::new(Mutex::new(outcomes)),
            seen: Arc::default(),
        }
    }

    pub(crate) fn client(&self, change: impl FnOnce(RefportBuilder) -> RefportBuilder) -> Refport {
        change(Refport::builder("rk_secret").transport(self.clone()))
            .build()
            .unwrap()
    }

    pub(crate) fn sent(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    pub(crate) fn seen(&self) -> Vec<Request<Bytes>> {
        self.seen.lock().unwrap().clone()
    }
}

impl Service<Request<Bytes>> for Scripted {
    type Response = Response<Bytes>;
    type Error = BoxError;
    type Future = Ready<Result<Response<Bytes>, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        self.seen.lock().unwrap().push(request);
        let mut outcomes = self.outcomes.lock().unwrap();
        let outcome = outcomes.last().expect("a script")();
        if outcomes.len() > 1 {
            outcomes.pop();
        }
        ready(outcome)
    }
}

pub(crate) fn answer(status: u16, body: &'static str) -> Outcome {
    Box::new(move || {
        Ok(Response::builder()
            .status(status)
            .body(Bytes::from_static(body.as_bytes()))?)
    })
}

pub(crate) fn accepted() -> Outcome {
    answer(200, r#"{"sale":{"id":"sale_1"}}"#)
}

pub(crate) fn wait(seconds: &'static str) -> Outcome {
    asking(429, seconds)
}

/// An answer with a time to wait.
pub(crate) fn asking(status: u16, seconds: &'static str) -> Outcome {
    let body = r#"{"error":{"code":"RATE_LIMIT_EXCEEDED","message":"slow down"}}"#;
    let body = if status == 429 { body } else { "" };
    Box::new(move || {
        let answer = Response::builder()
            .status(status)
            .header("retry-after", seconds);
        Ok(answer
            .header("x-request-id", "req_7")
            .body(Bytes::from_static(body.as_bytes()))?)
    })
}

pub(crate) fn fails<E: Into<BoxError>>(error: impl Fn() -> E + Send + 'static) -> Outcome {
    Box::new(move || Err(error().into()))
}

pub(crate) fn click() -> ClickId {
    "clk_secret"
        .parse::<ClickId>()
        .unwrap_or_else(|_| unreachable!())
}

pub(crate) fn sale() -> Sale {
    Sale::new(click(), "user_001", 4900)
}

pub(crate) fn sale_once() -> Sale {
    sale()
        .invoice_id("inv_001")
        .customer_email("carla@example.com")
}
