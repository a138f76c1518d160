//! The arrows of the architecture: which room may name which. Reads the sources, so it is a guard of text; it
//! checks as well that its own rules still find something, so that it cannot rot into a no-op.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A room, the rooms of this crate it may use, and the outside crates only it and its like may use.
struct Rule {
    room: &'static str,
    may_use: &'static [&'static str],
}

const RULES: &[Rule] = &[
    Rule { room: "labels", may_use: &[] },
    Rule { room: "telemetry", may_use: &["labels"] },
    Rule { room: "trace_id", may_use: &[] },
    Rule { room: "instrument", may_use: &["trace_id"] },
    Rule { room: "history", may_use: &["labels"] },
    Rule { room: "management", may_use: &["history", "labels"] },
    Rule { room: "client", may_use: &["history", "labels", "management"] },
    Rule { room: "source", may_use: &["history", "labels", "management"] },
    Rule { room: "store", may_use: &["history", "labels", "management", "source"] },
    Rule { room: "observe", may_use: &["history", "labels", "source", "state", "telemetry"] },
    Rule { room: "metrics", may_use: &["labels", "source", "observe", "telemetry"] },
    Rule { room: "state", may_use: &[] },
    Rule {
        room: "traces",
        may_use: &[
            "history",
            "labels",
            "logs",
            "management",
            "otlp",
            "source",
            "state",
            "telemetry",
            "trace_id",
        ],
    },
    Rule { room: "logs", may_use: &["labels", "observe", "otlp", "source", "telemetry", "trace_id"] },
    Rule { room: "output", may_use: &["metrics"] },
    Rule {
        room: "server",
        may_use: &["config", "labels", "source", "observe", "metrics", "output", "telemetry"],
    },
    Rule { room: "otlp", may_use: &["config", "labels", "observe", "metrics", "output", "telemetry"] },
    Rule { room: "config", may_use: &["store"] },
    Rule {
        room: "app",
        may_use: &[
            "config",
            "logs",
            "management",
            "metrics",
            "observe",
            "otlp",
            "server",
            "source",
            "state",
            "store",
            "telemetry",
            "trace_id",
            "traces",
        ],
    },
    Rule {
        room: "cli",
        may_use: &[
            "app",
            "config",
            "history",
            "labels",
            "logging",
            "logs",
            "management",
            "otlp",
            "source",
            "store",
        ],
    },
    Rule { room: "logging", may_use: &["config", "logs", "otlp", "telemetry"] },
    Rule {
        room: "testing",
        may_use: &["metrics", "observe", "source", "state", "store", "telemetry", "trace_id", "traces"],
    },
];

/// Outside crates, and the only rooms that may name them.
const CRATES: &[(&str, &[&str])] = &[
    ("sqlx", &["store"]),
    ("hyper", &["server", "otlp"]),
    ("hyper_util", &["server", "otlp"]),
    ("hyper_rustls", &["otlp"]),
    ("http", &["config", "otlp"]),
    ("rustls", &["otlp"]),
    ("tonic", &["otlp"]),
    ("tonic_types", &["otlp"]),
    ("prost", &["otlp", "output", "traces"]),
    ("opentelemetry_proto", &["logging", "logs", "otlp", "output", "traces"]),
    ("prometheus", &["telemetry", "metrics", "app", "output"]),
    ("clap", &["cli", "config"]),
    ("clap_complete", &["cli"]),
    ("terminal_size", &["cli"]),
    ("jiff", &["management"]),
    ("toml", &["config"]),
    ("anyhow", &["main"]),
    ("duroxide", &["client", "history", "instrument", "store", "management"]),
    ("opentelemetry", &["instrument"]),
    ("tracing_opentelemetry", &["instrument"]),
    ("sha2", &["trace_id"]),
    (
        "tokio",
        &["app", "cli", "logs", "management", "observe", "otlp", "server", "source", "store", "traces"],
    ),
    ("tracing_subscriber", &["logging"]),
    ("url", &["store"]),
];

fn sources(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().is_some_and(|name| name == "tests.rs" || name == "fixture.rs") {
            continue;
        }
        if path.is_dir() {
            sources(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The code of a file without comments and without its unit tests, which may use what they like. (Unit tests in
/// files of their own are `tests.rs` and `fixture.rs`.)
fn code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// Every `word` in `prefix::word` or `prefix::{word, …}` (first words only: rooms are imported one a line).
fn named_after(code: &str, prefix: &str) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    for (at, _) in code.match_indices(prefix) {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        let rest = &code[at + prefix.len()..];
        words.insert(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
    }
    words
}

fn rooms() -> Vec<(String, String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    files
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
            let room = name.split(['/', '.']).next().unwrap().to_owned();
            let code = code(&path);
            (name, room, code)
        })
        .collect()
}

#[test]
fn rooms_use_only_what_the_arrows_allow() {
    let mut offences = Vec::new();
    let mut used_rules = BTreeSet::new();
    for (file, room, code) in rooms() {
        if room == "lib" || room == "main" {
            continue;
        }
        let Some(rule) = RULES.iter().find(|rule| rule.room == room) else {
            offences.push(format!("{file}: room {room:?} has no rule; add one that follows the arrows"));
            continue;
        };
        for used in named_after(&code, "crate::") {
            if used.is_empty() {
                offences
                    .push(format!("{file}: import the rooms of this crate one a line, without crate::{{…}}"));
            } else if used == room || rule.may_use.contains(&used.as_str()) {
                used_rules.insert((room.clone(), used));
            } else if RULES.iter().any(|rule| rule.room == used) {
                offences.push(format!("{file}: {room} may not use {used}"));
            }
        }
    }
    assert!(offences.is_empty(), "{}", offences.join("\n"));
    for expected in [
        ("cli", "management"),
        ("client", "management"),
        ("metrics", "observe"),
        ("observe", "source"),
        ("server", "output"),
        ("otlp", "output"),
        ("app", "store"),
    ] {
        let expected = (expected.0.to_owned(), expected.1.to_owned());
        assert!(used_rules.contains(&expected), "{expected:?} was not found: this guard has gone blind");
    }
}

#[test]
fn outside_crates_stay_in_their_rooms() {
    let rooms = rooms();
    let mut offences = Vec::new();
    for (outside, allowed) in CRATES {
        let prefix = format!("{outside}::");
        let mut found = false;
        for (file, room, code) in &rooms {
            // The crate's page has an example for applications.
            if room == "lib" || named_after(code, &prefix).is_empty() {
                continue;
            }
            found = true;
            if !allowed.contains(&room.as_str()) {
                offences.push(format!("{file}: only {allowed:?} may use {outside}"));
            }
        }
        assert!(found, "{outside} was found nowhere: this guard has gone blind");
    }
    assert!(offences.is_empty(), "{}", offences.join("\n"));
}
