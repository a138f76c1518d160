//! Tolerant decoding of history events.
//!
//! An event is an envelope, a type and the rest. Types and fields that this version does not know are kept, not
//! refused: a newer framework must not blind us.

mod event;
#[cfg(any(feature = "exporter", feature = "postgres", feature = "sqlite"))]
#[cfg_attr(not(feature = "exporter"), expect(dead_code, reason = "without the exporter nobody counts"))]
mod event_ref;
mod failure;
#[cfg(any(feature = "exporter", feature = "postgres", feature = "sqlite"))]
mod open;
#[cfg(any(feature = "exporter", feature = "postgres", feature = "sqlite"))]
mod row;
#[cfg(any(feature = "exporter", feature = "postgres", feature = "sqlite"))]
mod waiting;

pub(crate) use event::SYSCALL;
pub use event::{DecodeError, Event};
#[cfg(any(feature = "exporter", feature = "postgres", feature = "sqlite"))]
pub(crate) use event_ref::EventRef;
#[cfg(any(feature = "exporter", feature = "postgres", feature = "sqlite"))]
pub(crate) use open::{PendingWait, PendingWaits, Wait, WaitChange};
#[cfg(any(feature = "exporter", feature = "postgres", feature = "sqlite"))]
pub(crate) use row::Row;
#[cfg(any(feature = "exporter", feature = "postgres", feature = "sqlite"))]
pub(crate) use waiting::Facts;
