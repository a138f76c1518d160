//! Mistakes that are easily made are found: each of them in an otherwise good set of rules.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use rules::catalogue::Catalogue;
use rules::expression::Series;
use rules::rule::{self, RuleFile};
use rules::{alert, coverage, files, page, unit};

const FILE: &str = "duroxide-alerts-queues.yaml";

/// The rules, with some words of one file replaced.
fn with(old: &str, new: &str) -> Result<(Vec<RuleFile>, Series)> {
    let texts = files::list(rule::FOLDER, ".yaml")?;
    let texts = texts.into_iter().map(|(name, text)| {
        let changed = if name == FILE { text.replacen(old, new, 1) } else { text.clone() };
        anyhow::ensure!(name != FILE || changed != text, "{old:?} is not in {FILE}");
        rule::parse(&name, &changed)
    });
    let files: Vec<RuleFile> = texts.collect::<Result<_>>()?;
    let series = Series::new(&Catalogue::parse(&files::read("docs/metrics.md")?)?, &files)?;
    Ok((files, series))
}

fn found(problems: &[String], words: &str) {
    assert!(problems.iter().any(|problem| problem.contains(words)), "{words:?} is not among {problems:?}");
}

#[test]
fn mistakes_in_rules_are_found() -> Result<()> {
    for (old, new, words) in [
        (
            "duroxide_queue_retrying_messages",
            "duroxide_queue_retying_messages",
            "no metric \"duroxide_queue_retying_messages\"",
        ),
        (
            "store_queue_tag:duroxide_oldest",
            "store_queue:duroxide_oldest",
            "no series recorded under this name",
        ),
        (
            "orphan_messages{queue=\"orchestrator\"}",
            "orphan_messages{queue=\"orchestration\"}",
            "is never \"orchestration\"",
        ),
        ("orphan_messages{queue=", "orphan_messages{queu=", "has no label \"queu\""),
        ("{state=\"in_flight\"", "{state=\"running\"", "is never \"running\""),
        (
            "by (cluster, namespace, job, store, queue)",
            "by (cluster, namespace, job, store, channel)",
            "has the label \"channel\"",
        ),
        ("{{ $labels.queue }}", "{{ $labels.activity }}", "names the label \"activity\""),
        ("store {{ $labels.store }}", "the store", "does not tell the store"),
        ("severity: warning", "severity: page", "severity \"page\""),
        ("Work has been waiting for minutes.", "Work waits", "no plain sentence"),
        ("Work has been waiting for minutes.", "Work waits in {{ $labels.store }}.", "no plain sentence"),
        ("/docs/runbooks/DuroxideBacklogAge.md", "/docs/runbooks/DuroxideBacklog.md", "runbook_url"),
        ("/d/duroxide-queues?", "/d/duroxide-queue?", "no dashboard duroxide-queue"),
        ("var-queue=", "var-tag=", "no variable tag"),
        ("{{ $labels.store | urlquery }}", "{{ $labels.store }}", "| urlquery is missing"),
        ("alert: DuroxideBacklogAge", "alert: Duroxide_BacklogAge", "not CamelCase"),
        ("interval: 30s", "interval: 5m", "evaluated every 5m"),
        ("> 300", "> > 300", "not valid"),
    ] {
        let (files, series) = with(old, new).with_context(|| format!("{new:?} for {old:?}"))?;
        found(&alert::all_problems(&files, &series), words);
    }
    Ok(())
}

#[test]
fn an_alert_without_a_test_and_a_test_without_an_alert_are_found() -> Result<()> {
    let tests = unit::load()?;
    let (files, _) = with("alert: DuroxideTimersLate", "alert: DuroxideTimersSlow")?;
    let problems = coverage::problems(&files, &tests);
    found(&problems, "DuroxideTimersSlow (warning): no test in which it fires");
    found(&problems, "DuroxideTimersSlow (warning): no test in which it stays silent");
    found(&problems, "asks for DuroxideTimersLate, which is in none of its rule files");

    // A severity of its own needs tests of its own.
    let (files, _) = with("severity: warning", "severity: info")?;
    found(&coverage::problems(&files, &tests), "DuroxideBacklogAge (info): no test in which it fires");

    let (files, _) = with("interval: 30s", "interval: 15s")?;
    let mut silent = tests.clone();
    for file in &mut silent {
        file.tests.retain(|test| test.name != "idle system");
        file.group_eval_order.clear();
    }
    let problems = coverage::problems(&files, &silent);
    found(&problems, "no test is called \"idle system\"");
    found(&problems, "group_eval_order");
    Ok(())
}

#[test]
fn runbooks_that_are_missing_or_wrong_are_found() -> Result<()> {
    let (files, series) = with("interval: 30s", "interval: 15s")?;
    let alerts: BTreeSet<&str> = rule::alerts(&files).map(|(name, _)| name).collect();
    let runbooks = files::list(page::RUNBOOKS, ".md")?;

    let mut fewer = runbooks.clone();
    let (name, text) = fewer.remove(0);
    found(&page::runbook_problems(&alerts, &fewer), "has no runbook");
    fewer.push(("DuroxideNothing.md".to_owned(), text.clone()));
    found(&page::runbook_problems(&alerts, &fewer), "a runbook of no alert");
    found(&page::runbook_problems(&alerts, &fewer), "does not begin with its name");
    fewer.push((name, text.replace("## What to do", "## Do")));
    found(&page::runbook_problems(&alerts, &fewer), "no part \"## What to do\"");

    for (text, words) in [
        ("[there](nowhere.md)", "nowhere.md"),
        ("<img src=\"nowhere.png\">", "nowhere.png"),
        ("so does `store/nowhere.rs`", "no store/nowhere.rs"),
        ("[there](../alerts.md#nothing)", "no heading for #nothing"),
        ("```sh\nduroxide-exporter queue\n```", "no such subcommand"),
        ("```sh\nduroxide-exporter instances\n```", "a subcommand is missing"),
        ("```sh\nduroxide-exporter instances list --state failed\n```", "no flag --state"),
        ("```promql\nduroxide_upp == 0\n```", "no metric \"duroxide_upp\""),
        ("```promql\nsum by (stor) (duroxide_up)\n```", "has the label \"stor\""),
    ] {
        found(&page::problems(page::RUNBOOKS, "page.md", text, &series), words);
    }
    Ok(())
}
