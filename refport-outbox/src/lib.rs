#![cfg_attr(all(feature = "sqlite", feature = "postgres"), doc = include_str!("../README.md"))]
#![cfg_attr(
    not(all(feature = "sqlite", feature = "postgres")),
    doc = "A transactional outbox for Refport. See the README."
)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(not(any(feature = "sqlite", feature = "postgres")))]
compile_error!("refport-outbox needs a database: enable its feature `sqlite` or `postgres`");

// sqlx needs it; naming it here lets our manifest raise its floor.
#[cfg(feature = "sqlite")]
use libsqlite3_sys as _;

mod clock;
mod enqueue;
mod entry;
mod error;
mod event;
mod key;
mod look;
mod observe;
mod outbox;
#[cfg(feature = "sqlite")]
mod stand_alone;
mod store;
mod target;
mod track;
mod worker;

pub use refport_core;
pub use sqlx;

pub use crate::{
    enqueue::Enqueued,
    entry::Entry,
    error::{Conflict, EnqueueError, KeyError, StoreError},
    event::{Event, ParsePayloadError},
    look::{Count, DeadLetter, Page, PausedDestination, Selection, State},
    outbox::Outbox,
    store::{Connection, Store},
    target::Target,
    worker::{BuildError, Report, Worker, WorkerBuilder},
};
