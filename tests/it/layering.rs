//! The arrows of the architecture: which room may use which, and that no files use each other in a circle.
//!
//! The sources are parsed. Uses that a path does not show, as calls of methods, are not seen. Each test checks as well
//! that it still finds something, so that it cannot rot into a no-op.

mod uses;

use std::collections::BTreeSet;
use std::path::Path;

use uses::Uses;

/// A room, the rooms of this crate it may use, and the outside crates only it and its like may use.
struct Rule {
    room: &'static str,
    may_use: &'static [&'static str],
}

const RULES: &[Rule] = &[
    Rule { room: "labels", may_use: &[] },
    Rule { room: "catalogue", may_use: &["labels"] },
    Rule { room: "telemetry", may_use: &["catalogue", "labels"] },
    Rule { room: "text", may_use: &[] },
    Rule { room: "history", may_use: &["labels"] },
    Rule { room: "management", may_use: &["history", "labels"] },
    Rule { room: "client", may_use: &["history", "labels", "management"] },
    Rule { room: "source", may_use: &["history", "labels"] },
    Rule { room: "store", may_use: &["history", "labels", "management", "source"] },
    Rule { room: "observe", may_use: &["catalogue", "history", "labels", "source", "state", "telemetry"] },
    Rule { room: "metrics", may_use: &["catalogue", "labels", "source", "observe", "telemetry"] },
    Rule { room: "state", may_use: &[] },
    Rule {
        room: "traces",
        may_use: &[
            "catalogue",
            "history",
            "labels",
            "logs",
            "management",
            "otlp",
            "source",
            "state",
            "telemetry",
        ],
    },
    Rule { room: "logs", may_use: &["catalogue", "labels", "observe", "otlp", "source", "telemetry"] },
    Rule { room: "output", may_use: &["catalogue", "metrics", "telemetry"] },
    Rule {
        room: "server",
        may_use: &["config", "labels", "observe", "metrics", "output", "telemetry", "text"],
    },
    Rule {
        room: "otlp",
        may_use: &["catalogue", "config", "labels", "observe", "metrics", "output", "telemetry", "text"],
    },
    Rule { room: "config", may_use: &["store"] },
    Rule {
        room: "app",
        may_use: &[
            "catalogue",
            "config",
            "logs",
            "management",
            "observe",
            "otlp",
            "server",
            "source",
            "state",
            "store",
            "telemetry",
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
            "text",
        ],
    },
    Rule { room: "logging", may_use: &["config", "logs", "otlp", "telemetry"] },
    Rule {
        room: "testing",
        may_use: &["metrics", "observe", "source", "state", "store", "telemetry", "traces"],
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
    ("prometheus", &["telemetry", "metrics", "output"]),
    ("anyhow", &["main"]),
    ("clap", &["cli", "config"]),
    ("clap_complete", &["cli"]),
    ("terminal_size", &["cli"]),
    ("jiff", &["management"]),
    ("toml", &["config"]),
    ("duroxide", &["client", "history", "store", "management"]),
    ("duroxide_instrument", &["app", "lib", "logs", "testing", "traces"]),
    (
        "tokio",
        &["app", "cli", "logs", "management", "observe", "otlp", "server", "source", "store", "traces"],
    ),
    ("tracing_subscriber", &["logging"]),
    ("url", &["store"]),
];

/// `package`: below `src`; empty for that of the exporter.
fn uses(package: &str) -> Uses {
    Uses::of(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(package))
}

/// The room of a file.
fn room(file: &str) -> &str {
    file.split(['/', '.']).next().unwrap()
}

#[test]
fn rooms_use_only_what_the_arrows_allow() {
    let mut offences = Vec::new();
    let mut used_rules = BTreeSet::new();
    for (file, used) in &uses("").files {
        if ["lib", "main"].contains(&room(file)) {
            continue;
        }
        let Some(rule) = RULES.iter().find(|rule| rule.room == room(file)) else {
            offences.push(format!("{file}: its room has no rule; add one that follows the arrows"));
            continue;
        };
        for (other, path) in used {
            if room(other) != rule.room && !rule.may_use.contains(&room(other)) {
                offences.push(format!("{file}: {} may not use {} ({path})", rule.room, room(other)));
            }
            used_rules.insert((rule.room, room(other).to_owned()));
        }
    }
    assert!(offences.is_empty(), "{}", offences.join("\n"));
    let rules = RULES.iter().flat_map(|rule| rule.may_use.iter().map(|used| (rule.room, (*used).to_owned())));
    let stale: Vec<_> = rules.filter(|rule| !used_rules.contains(rule)).collect();
    assert!(stale.is_empty(), "rules that nothing needs, or that this guard does not see: {stale:?}");
}

#[test]
fn the_map_lists_every_room() {
    let map = include_str!("../../docs/architecture.md");
    let rows = map.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
    let listed: BTreeSet<&str> =
        rows.flat_map(|cell| cell.split(", ")).map(|room| room.trim_matches('`')).collect();
    assert_eq!(listed, RULES.iter().map(|rule| rule.room).collect(), "docs/architecture.md and RULES differ");
}

#[test]
fn no_files_use_each_other_in_a_circle() {
    let mut circles = Vec::new();
    for (package, from, to) in
        [("", "metrics.rs", "metrics/sink.rs"), ("instrument", "lib.rs", "decorator.rs")]
    {
        let uses = uses(package);
        assert!(uses.reaches(from, to), "this guard has gone blind");
        for (file, other, path) in uses
            .files
            .iter()
            .flat_map(|(file, used)| used.iter().map(move |(other, path)| (file, other, path)))
            .filter(|(file, other, _)| uses.reaches(other, file))
        {
            circles.push(format!("{package}/{file} uses {other} ({path}), which leads back to it"));
        }
    }
    assert!(
        circles.is_empty(),
        "what both need belongs in a file of its own that uses neither:\n{}",
        circles.join("\n")
    );
}

#[test]
fn outside_crates_stay_in_their_rooms() {
    let uses = uses("");
    let mut offences = Vec::new();
    for (outside, allowed) in CRATES {
        let mut users: Vec<&String> =
            uses.crates.iter().filter(|(_, names)| names.contains(*outside)).map(|(file, _)| file).collect();
        assert!(!users.is_empty(), "{outside} was found nowhere: this guard has gone blind");
        users.retain(|file| !allowed.contains(&room(file)));
        offences.extend(users.iter().map(|file| format!("{file}: only {allowed:?} may use {outside}")));
    }
    assert!(offences.is_empty(), "{}", offences.join("\n"));
}
