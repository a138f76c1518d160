//! Pushing by OTLP: messages to a collector, by gRPC or HTTP, again and again.
//!
//! Rooms: `export` says what a signal is to a collector; `client` sends one request of any signal, with tries again
//! within a time limit, by `grpc` or `http` with `tls`; `answer` reads what comes back; `attribute` spells attributes; `failure` sorts what can go wrong and says it in words;
//! `sender` counts what becomes of requests of a signal, and `export_log` keeps the log of it short; `push` takes the newest view at each
//! interval and sends it; `resource` makes the resource attributes.
//!
//! Nothing is queued: one request is in flight at most, and what a collector missed is not kept, for the next push
//! holds newer values of the same counters. Nothing here is waited for by a poll or a scrape. No header's value and no
//! message of a collector that repeats one gets out of here.

mod answer;
mod attribute;
mod client;
mod export;
mod export_log;
mod failure;
mod grpc;
mod http;
mod push;
mod resource;
mod sender;
mod tls;

#[cfg(test)]
mod tests;

pub(crate) use attribute::{attribute, number, text};
pub(crate) use client::Client;
pub(crate) use export::Export;
pub(crate) use failure::SendError;
pub(crate) use push::MetricsPusher;
pub(crate) use resource::resource;
pub(crate) use sender::Sender;
