//! Stores on real PostgreSQL servers, read by the real command line and through the library: who gets in and how, what
//! is told of rights and schemas, and what is served while a server is gone. (What the numbers mean is tried with the
//! real framework, in `tests/scenarios`.)

/// A database without an encoding.
#[cfg(unix)]
mod bytes;
/// The exporter's program, asked once or serving.
mod exporter;
/// A server that does not speak English.
mod german;
/// Histories that are long, large, odd, held back or of another server.
#[cfg(unix)]
mod histories;
#[cfg(unix)]
mod history;
/// Passwords, where they come from, and servers that are none.
mod logins;
/// Servers that end, stand still, refuse or are locked while they are polled.
mod outages;
/// PgBouncer between.
mod poolers;
/// Nothing is written.
mod read_only;
/// Histories that are written anew.
#[cfg(unix)]
mod rewrites;
/// What a role lacks, and the GRANTs that give it.
mod rights;
/// Schemas that are missing, elsewhere, older, newer, or none.
mod schemas;
/// A server that is set back, and returns.
#[cfg(unix)]
mod set_back;
/// A store, made by plain SQL.
mod store;
/// What the owner of a schema made beside the tables.
mod strangers;
/// Encryption: every `sslmode`, authorities, names, certificates of clients.
mod tls;
