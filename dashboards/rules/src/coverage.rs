//! Whether tests say of every alert when it fires and when it does not.

use std::collections::BTreeSet;

use crate::rule::{RuleFile, alerts};
use crate::unit::{Test, TestFile};

/// Situations that must be among the tests.
pub const SCENARIOS: &[&str] = &[
    "5,000 sleeping timers",
    "sawtooth queue",
    "idle system",
    "restart of the exporter",
    "paused standby",
    "two exporters on one store",
    "scale-to-zero nights",
    "pushed by OTLP",
    "store down in the middle of a backlog",
];

/// What is missing in the tests, or says nothing.
#[must_use]
pub fn problems(rules: &[RuleFile], tests: &[TestFile]) -> Vec<String> {
    let mut problems = Vec::new();
    for file in tests {
        let loaded: Vec<RuleFile> = rules.iter().filter(|rules| loads(file, rules)).cloned().collect();
        let groups: BTreeSet<_> =
            loaded.iter().flat_map(|rules| rules.groups.iter().map(|group| &group.name)).collect();
        let ordered: BTreeSet<_> = file.group_eval_order.iter().collect();
        if groups.len() > 1 && groups != ordered {
            problems.push(format!("{}: group_eval_order is not that of its groups, {groups:?}", file.name));
        }
        let names: BTreeSet<&str> = alerts(&loaded).map(|(name, _)| name).collect();
        for test in &file.tests {
            let said = format!("{}: {:?}", file.name, test.name);
            for asked in test.alert_rule_test.iter().filter(|asked| !names.contains(asked.alertname.as_str()))
            {
                // promtool takes an alert that it does not know for a silent one.
                problems
                    .push(format!("{said} asks for {}, which is in none of its rule files", asked.alertname));
            }
            if test.alert_rule_test.is_empty() && test.promql_expr_test.is_empty() {
                problems.push(format!("{said} expects nothing"));
            }
        }
    }
    let all = || tests.iter().flat_map(|file| &file.tests);
    for (name, rule) in alerts(rules) {
        let severity = rule.severity();
        if !all().any(|test| fires(test, name, severity)) {
            problems.push(format!("{name} ({severity}): no test in which it fires"));
        }
        if !all().any(|test| asks(test, name) && !fires(test, name, severity)) {
            problems.push(format!("{name} ({severity}): no test in which it stays silent"));
        }
    }
    for scenario in SCENARIOS.iter().filter(|scenario| !all().any(|test| test.name == **scenario)) {
        problems.push(format!("no test is called {scenario:?}"));
    }
    let mut seen = BTreeSet::new();
    for test in all().filter(|test| !seen.insert(test.name.as_str())) {
        problems.push(format!("two tests are called {:?}", test.name));
    }
    problems
}

fn loads(tests: &TestFile, rules: &RuleFile) -> bool {
    tests.rule_files.iter().any(|file| file.strip_prefix("../") == Some(rules.name.as_str()))
}

fn asks(test: &Test, alert: &str) -> bool {
    test.alert_rule_test.iter().any(|asked| asked.alertname == alert)
}

fn fires(test: &Test, alert: &str, severity: &str) -> bool {
    let asked = test.alert_rule_test.iter().filter(|asked| asked.alertname == alert);
    asked
        .flat_map(|asked| &asked.exp_alerts)
        .any(|alert| alert.exp_labels.get("severity").is_some_and(|is| is == severity))
}
