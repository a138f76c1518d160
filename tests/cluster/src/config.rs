//! A server's own files.

use std::{fs, io::Write as _, os::unix::fs::OpenOptionsExt as _, path::Path};

use crate::programs;

/// What makes a server start and stop quickly, and faults be noticed within seconds. Whatever is set on a builder
/// comes later and wins.
const SETTINGS: &[(&str, &str)] = &[
    ("listen_addresses", "127.0.0.1"),
    ("max_connections", "200"),
    ("password_encryption", "scram-sha-256"),
    ("timezone", "UTC"),
    ("log_timezone", "UTC"),
    ("log_line_prefix", "%m [%p] %a "),
    // The data lives as long as the test.
    ("fsync", "off"),
    ("shared_buffers", "16MB"),
    ("min_wal_size", "4MB"),
    ("max_wal_size", "256MB"),
    ("jit", "off"),
    // In the data directory: it goes away with it even after a kill, and needs no room in /dev/shm.
    ("dynamic_shared_memory_type", "mmap"),
    ("wal_level", "replica"),
    ("max_wal_senders", "10"),
    // Instead of slots, which an ended standby would leave behind.
    ("wal_keep_size", "256MB"),
    ("hot_standby", "on"),
    ("wal_receiver_status_interval", "1s"),
    ("wal_receiver_timeout", "5s"),
    ("wal_sender_timeout", "5s"),
    ("wal_retrieve_retry_interval", "100ms"),
];

/// `postgresql.conf`.
pub(crate) fn settings<'a>(own: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let quote = |value: &str| value.replace('\\', r"\\").replace('\'', "''");
    SETTINGS
        .iter()
        .copied()
        .chain(own)
        .map(|(name, value)| format!("{name} = '{}'\n", quote(value)))
        .collect()
}

/// `pg_hba.conf`: lines of a test's own, then passwords over TCP. The socket is for our own `psql`; its directory is
/// closed to others.
pub(crate) fn access(lines: &[&str]) -> String {
    let always = [
        "local all all trust",
        "host all all 127.0.0.1/32 scram-sha-256",
        "host replication all 127.0.0.1/32 scram-sha-256",
    ];
    lines.iter().chain(&always).map(|line| format!("{line}\n")).collect()
}

/// Writes a file that only the server's user may read; others see the old one or the new one.
pub(crate) fn write(path: &Path, content: &str) {
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    let draft = Path::new(&draft);
    let mut options = fs::OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(draft);
    let written = file.and_then(|mut file| file.write_all(content.as_bytes()));
    written.unwrap_or_else(|error| panic!("{}: {error}", draft.display()));
    programs::give(draft);
    fs::rename(draft, path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}
