//! Configuration: validated once into [`Settings`] (what an exporter needs to run).
//!
//! The command line's way from flags, environment and file to a [`Config`] is in the rooms below; embedding
//! applications set the same fields through the builder. `table` lists every setting once; `layers` finds the
//! texts given for them, `file` those of a TOML file, `otel` those of OpenTelemetry's variables; `parse` makes values of texts; `load` puts it together. `settings` says what cannot work.
//! Nothing here opens a store, binds an address or prints.

mod duration;
mod file;
mod layers;
mod listen;
mod load;
mod logs;
mod mistake;
mod otel;
mod otlp;
mod parse;
#[cfg(test)]
mod secrets;
mod settings;
mod suggest;
mod table;
mod traces;

pub(crate) use duration::{format as format_duration, parse as parse_duration};
pub(crate) use layers::{Environment, RawValues, file_path};
pub(crate) use listen::system_resolver;
pub(crate) use load::{FileInput, Inputs, load};
pub(crate) use mistake::ConfigError;
pub(crate) use otlp::{Endpoint, Otlp, Protocol, endpoint as parse_endpoint};
pub(crate) use parse::{Config, LogFormat};
pub(crate) use settings::{Settings, SettingsError};
pub(crate) use table::{SETTINGS, Setting, markdown};
