//! The catalogue obeys the naming rules, collides with nothing, and is what the documentation says.

use std::collections::HashSet;
use std::path::Path;

use duroxide_exporter::{CATALOGUE, Kind, Unit, metrics_markdown};

#[test]
fn the_documentation_is_generated_from_the_catalogue() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md");
    let expected = metrics_markdown();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == expected,
        "docs/metrics.md is not what the catalogue says: UPDATE_GOLDEN=1 cargo test --test it"
    );
}

#[test]
fn names_follow_the_rules_of_both_worlds() {
    let mut names = HashSet::new();
    for metric in CATALOGUE {
        let name = metric.prometheus_name();
        assert!(names.insert(name.clone()), "{name} is defined twice");
        // OpenTelemetry: lower case, dots between name spaces, the unit is not part of the name.
        assert!(metric.name.chars().all(|c| c.is_ascii_lowercase() || "._".contains(c)), "{}", metric.name);
        for suffix in ["_total", "_seconds", "_bytes", "_ratio", ".total", ".seconds", ".bytes"] {
            assert!(!metric.name.ends_with(suffix), "{} repeats its unit or kind", metric.name);
        }
        if let Unit::Count(thing) = metric.unit {
            assert!(
                !thing.ends_with('s') || thing == "series",
                "{}: {{{thing}}} is not singular",
                metric.name
            );
        }
        assert!(
            metric.help.len() > 10 && metric.help.ends_with('.') || metric.help.ends_with(')'),
            "{name}: {}",
            metric.help
        );
        assert!(!metric.labels.contains(&"le") && !metric.labels.contains(&"quantile"), "{name}");
        assert!(name.starts_with("duroxide_") || name.starts_with("process_"), "{name}");
        assert_eq!(metric.kind == Kind::Counter, name.ends_with("_total"), "{name}");
    }
}

/// Names that duroxide 0.1.32 itself emits in the application's process (its `runtime/observability.rs`).
const FRAMEWORK: &[&str] = &[
    "duroxide_orchestration_starts_total",
    "duroxide_orchestration_completions_total",
    "duroxide_orchestration_failures_total",
    "duroxide_orchestration_duration_seconds",
    "duroxide_orchestration_history_size",
    "duroxide_orchestration_turns",
    "duroxide_orchestration_continue_as_new_total",
    "duroxide_orchestration_poison_total",
    "duroxide_activity_poison_total",
    "duroxide_active_orchestrations",
    "duroxide_orchestrator_queue_depth",
    "duroxide_worker_queue_depth",
    "duroxide_activity_executions_total",
    "duroxide_activity_duration_seconds",
    "duroxide_provider_operation_duration_seconds",
    "duroxide_provider_errors_total",
];

#[test]
fn no_name_is_one_the_framework_emits_itself() {
    for metric in CATALOGUE {
        assert!(!FRAMEWORK.contains(&metric.prometheus_name().as_str()), "{}", metric.prometheus_name());
    }
}
