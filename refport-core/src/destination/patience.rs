/// Who waits for a report, and so how long it may take, and who tries again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Patience {
    /// A handler, and behind it a buyer.
    Handler,
    /// Nobody: there is more time for all attempts.
    Background,
    /// A worker that keeps the report and tries again by itself: one attempt, with time for a service
    /// that is slow.
    Worker,
}
