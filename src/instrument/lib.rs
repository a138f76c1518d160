//! The runtime's provider, seen at work: spans of `tracing` around its calls, in the words of OpenTelemetry's
//! messaging conventions.
//!
//! A decorator: every method of the trait is handed on, with its arguments and its answer as they are. It never calls by
//! itself, never tries again, and knows no store. Names, ids and sizes go into spans; inputs, outputs and the texts of
//! errors never do.
//!
//! # When a receive's span is made
//!
//! Most polls bring nothing, and are to leave no span anywhere; one that brings something is to have a span as long as
//! the fetch. Whether it is one or the other is known when the fetch is over, and `tracing` knows no span that began
//! earlier. There are three ways:
//!
//! - A span before the fetch, made unsampled when nothing came: every other subscriber sees it, samplers that do not
//!   look at the parent export it, and each idle poll costs as much as a real one.
//! - Spans past `tracing`, by a tracer: no other subscriber sees them, and no filter of the application holds for them.
//! - A span after the fetch that says how long it took, in `duroxide.receive.duration`: this one. It is in its place in a
//!   log, idle polls cost nothing in any subscriber, and filters hold. For OpenTelemetry [`Backdated`] makes its start
//!   earlier by that duration; without it, start and end are both the end of the fetch.
//!
//! Of other calls the span is made before. None is entered: what a provider logs meanwhile would become a part of it, and
//! that may be anything (the framework's own for SQLite logs whole work items at level debug). Spans that a provider makes
//! by itself are therefore beside these, not within them.
//!
//! # What it costs
//!
//! Whether anybody wants a span is asked first. If not, the caller gets the inner provider's own future: nothing is
//! allocated and no clock is read.

mod about;
mod builder;
mod call;
mod decorator;
mod leases;
mod method;
#[cfg(feature = "otel")]
mod otel;
mod provider;
mod spans;
mod trace_id;

pub use builder::InstrumentedBuilder;
pub use decorator::Instrumented;
#[cfg(feature = "otel")]
pub use otel::Backdated;
pub use trace_id::TraceIds;
