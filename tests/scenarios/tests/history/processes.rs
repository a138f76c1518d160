//! Runtime and exporter as processes that are killed.
