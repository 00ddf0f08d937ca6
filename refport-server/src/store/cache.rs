use std::{sync::Arc, time::Duration};

use moka::sync::{Cache as Moka, CacheBuilder};

use super::query::{Caller, ShortLink};

/// How long what another process changed may go unseen: a new destination, a revoked key.
const LIFETIME: Duration = Duration::from_secs(5);
const MOST: u64 = 20_000;

/// What nearly every request asks for: whose key it is, and where a link leads.
#[derive(Debug)]
pub(super) struct Cache {
    pub(super) callers: Moka<String, Arc<Caller>>,
    pub(super) links: Moka<String, Arc<ShortLink>>,
}

impl Default for Cache {
    fn default() -> Self {
        let build = || CacheBuilder::new(MOST).time_to_live(LIFETIME);
        Self {
            callers: build().build(),
            links: CacheBuilder::new(MOST).time_to_live(LIFETIME).build(),
        }
    }
}

impl Cache {
    /// After a change in this process, which is seen at once.
    pub(super) fn forget_all(&self) {
        self.callers.invalidate_all();
        self.links.invalidate_all();
    }
}
