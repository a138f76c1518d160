//! Checks of the rules of this folder: what `promtool` cannot know.
//!
//! `promtool` says whether an expression is valid and what fires when. It does not know which metrics the exporter has,
//! takes a test of an alert that does not exist for passed when nothing is expected of it, and never opens a runbook.
//! Each check returns what is wrong, a line each; the tests in `tests/` want none, and want some of texts with mistakes.

pub mod alert;
pub mod catalogue;
pub mod coverage;
pub mod expression;
pub mod files;
pub mod page;
pub mod rule;
pub mod unit;
