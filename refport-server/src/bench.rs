//! For the benches of the workspace: the way of a sale without HTTP, and its peer, which commits each
//! sale by itself. Compiled with the feature `bench-internals`, and no part of the API.

use std::{
    fmt,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use refport_core::Timestamp;
use serde_json::Value;

use crate::{
    Store, StoreError,
    dialect::{Dialect, Envelope},
    domain::{Event, Outcome, Policy, click_id::Claim},
    store::{Alone, query::Caller},
};

/// A report that was read and not yet decided.
#[derive(Debug)]
pub struct Report(Event);

/// Reads and records sales as the route does, for one API key.
#[derive(Clone, Debug)]
pub struct Pipeline {
    store: Store,
    caller: Arc<Caller>,
}

impl Pipeline {
    /// # Errors
    ///
    /// When the database cannot be read, or the key is none of its own.
    pub async fn open(store: Store, api_key: &str) -> Result<Self, StoreError> {
        let caller = store
            .authenticate(Some(&format!("Bearer {api_key}")))
            .await?;
        let caller = caller.ok_or_else(|| StoreError::refused("the API key is wrong"))?;
        Ok(Self { store, caller })
    }

    /// Reads a body of `/api/track/sale`; `None` where the route would refuse it.
    #[must_use]
    pub fn sale(&self, body: &Value) -> Option<Report> {
        let envelope = Envelope {
            workspace_id: self.caller.workspace_id.clone(),
            domain: "go.example".to_owned(),
            policy: Policy {
                unknown_click_is_forgiven: true,
                missing_click_is_forgiven: true,
            },
            idempotency_key: None,
            received_at: Timestamp::now().as_millis(),
        };
        let sale = Dialect::Refport.read_sale(body.as_object()?, envelope);
        let mut event = Event::Sale(sale.ok()?);
        if let Some(click) = &mut event.report_mut().click
            && let Claim::Standing(standing) = self.caller.keys.read(&click.id)
        {
            click.standing = Some(standing);
        }
        Some(Report(event))
    }

    /// Records it as the route does; the ID of its event, unless it was refused.
    pub async fn record(&self, report: Report) -> Option<String> {
        id(self.store.record(report.0).await.ok()?)
    }
}

/// One connection to an SQLite file behind one mutex, and a commit for each sale.
pub struct OneByOne(Mutex<Alone>);

impl fmt::Debug for OneByOne {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OneByOne").finish_non_exhaustive()
    }
}

impl OneByOne {
    /// # Errors
    ///
    /// When the file cannot be opened.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self(Mutex::new(Alone::open(path)?)))
    }

    /// Records it by the same decision and the same statements as a [`Pipeline`], on this thread.
    #[must_use]
    pub fn record(&self, report: &Report) -> Option<String> {
        let mut alone = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        id(alone.record(&report.0).ok()?)
    }
}

fn id(outcome: Outcome) -> Option<String> {
    match outcome {
        Outcome::Recorded(recorded) => Some(recorded.id.clone()),
        Outcome::Refused(_) => None,
    }
}
