//! How a run ends.

use std::{pin::Pin, time::Duration};

use tokio::time::{Instant, timeout};

use super::{
    super::{
        deliver::Row,
        verdict::{failure, unclear},
    },
    Run,
};

/// For the last marks, after the time to stop is over.
const LAST_MARKS: Duration = Duration::from_secs(5);

impl Run<'_> {
    pub(super) fn stop(&mut self) {
        self.stops_at = Some(Instant::now() + self.lane.settings.stop_within);
    }

    /// The time is over: what is on its way is given up, and what it comes to is not known.
    pub(super) async fn cut_off(&mut self) {
        let on_their_way = Pin::new(&mut self.in_flight).iter_pin_mut();
        let rows: Vec<Row> = on_their_way.map(|delivery| delivery.row()).collect();
        self.in_flight.clear();
        for row in rows {
            self.report.cut_off += 1;
            let cut = failure("stopped", "the worker stopped before the answer");
            if row.counts_once {
                self.postpone(row, cut, 0, true);
            } else {
                self.bury(row, unclear(cut));
            }
        }
        if let Some(visiting) = self.visiting.take()
            && let Ok(visit) = timeout(LAST_MARKS, visiting).await
        {
            self.end_visit(visit);
            self.release_buffer();
        }
        self.visits_at = Instant::now();
        self.begin_visit();
        if let Some(visiting) = self.visiting.take()
            && let Ok(visit) = timeout(LAST_MARKS, visiting).await
        {
            self.end_visit(visit);
        }
    }
}
