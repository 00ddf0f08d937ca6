//! What becomes of a row.

use tokio::time::Instant;

use super::{super::deliver::Row, Run};
use crate::{
    observe,
    store::{Claimed, Failure, Mark, Settle},
};

impl Run<'_> {
    pub(super) fn settle(&mut self, row: Row, mark: Mark) {
        let Row { id, fence, .. } = row;
        self.settles_since.get_or_insert_with(Instant::now);
        self.settles.push(Settle { id, fence, mark });
    }

    pub(super) fn bury(&mut self, row: Row, failure: Failure) {
        self.report.dead += 1;
        observe::dead(self.lane.name(), row.id, &failure);
        self.settle(row, Mark::Dead(failure));
    }

    pub(super) fn postpone(&mut self, row: Row, failure: Failure, wait: i64, counts: bool) {
        self.report.retried += 1;
        observe::retried(self.lane.name(), row.id, &failure, wait);
        let due_at = self.lane.now().saturating_add(wait);
        self.settle(
            row,
            Mark::Waiting {
                due_at,
                counts,
                failure: Some(failure),
            },
        );
    }

    pub(super) fn release(&mut self, claimed: &Claimed) {
        self.report.released += 1;
        self.settles_since.get_or_insert_with(Instant::now);
        self.settles.push(Settle {
            id: claimed.id,
            fence: claimed.fence,
            mark: Mark::Waiting {
                due_at: claimed.due_at,
                counts: false,
                failure: None,
            },
        });
    }

    pub(super) fn release_buffer(&mut self) {
        while let Some((claimed, _)) = self.buffer.pop_front() {
            self.release(&claimed);
        }
    }
}
