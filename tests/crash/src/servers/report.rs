use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, bail};
use refport_outbox::refport_core::ClickId;
use reqwest::{Client, StatusCode};
use serde_json::Value;
use tokio::time::sleep;

use crate::visitor::Visitor;

/// One of the servers, as shops and visitors see it.
#[derive(Clone, Debug)]
pub(super) struct Server {
    client: Client,
    visitor: Visitor,
    url: String,
    key: String,
    answers: Arc<Answers>,
}

#[derive(Debug, Default)]
struct Answers {
    reports: AtomicU64,
    busy: AtomicU64,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Lead,
    Sale,
}

/// What a report was answered, to the byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn json(&self) -> anyhow::Result<Value> {
        Ok(serde_json::from_str(&self.body)?)
    }

    /// Whether a sale earned a commission.
    pub(super) fn pays(&self) -> anyhow::Result<bool> {
        Ok(self.json()?["sale"]["status"] == "pending")
    }
}

impl Server {
    pub(super) fn new(port: u16, key: &str) -> anyhow::Result<Self> {
        let client = Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(60))
            .build()?;
        Ok(Self {
            client,
            visitor: Visitor::new()?,
            url: format!("http://127.0.0.1:{port}"),
            key: key.to_owned(),
            answers: Arc::default(),
        })
    }

    /// The same one, to one who has not reported yet.
    pub(super) fn counting_anew(&self) -> Self {
        Self {
            answers: Arc::default(),
            ..self.clone()
        }
    }

    pub(super) async fn is_up(&self) -> bool {
        let answer = self
            .client
            .get(format!("{}/healthz", self.url))
            .send()
            .await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    /// A click that may have no row yet.
    pub(super) async fn click(&self, link: &str) -> anyhow::Result<ClickId> {
        const TRIES: usize = 20;
        let link = format!("{}/r/{link}", self.url);
        for _ in 0..TRIES {
            if let Ok(click) = self.visitor.click(&link).await {
                return Ok(click);
            }
        }
        bail!("{link} gives no click");
    }

    /// Reports until it is decided.
    pub(super) async fn report(&self, kind: Kind, body: &Value) -> anyhow::Result<Answer> {
        const TRIES: usize = 100;
        let path = match kind {
            Kind::Lead => "lead",
            Kind::Sale => "sale",
        };
        for _ in 0..TRIES {
            let request = self.client.post(format!("{}/api/track/{path}", self.url));
            let answer = request.bearer_auth(&self.key).json(body).send().await;
            let answer = answer.context("a report")?;
            self.answers.reports.fetch_add(1, Ordering::Relaxed);
            let status = answer.status();
            if status != StatusCode::SERVICE_UNAVAILABLE {
                let body = answer.text().await?;
                return Ok(Answer { status, body });
            }
            self.answers.busy.fetch_add(1, Ordering::Relaxed);
            sleep(Duration::from_millis(200)).await;
        }
        bail!("a report is not decided: {body}");
    }

    /// How many reports were answered, and how many of them 503.
    pub(super) fn answered(&self) -> (u64, u64) {
        let Answers { reports, busy } = &*self.answers;
        (
            reports.load(Ordering::Relaxed),
            busy.load(Ordering::Relaxed),
        )
    }
}
