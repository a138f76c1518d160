//! The rules, their tests and the pages about them, as they are.

use std::collections::BTreeSet;

use anyhow::Result;
use rules::catalogue::Catalogue;
use rules::expression::Series;
use rules::rule::{self, RuleFile};
use rules::{alert, coverage, files, page, unit};

fn series(files: &[RuleFile]) -> Result<Series> {
    Series::new(&Catalogue::parse(&files::read("docs/metrics.md")?)?, files)
}

fn none(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn alerts_tell_what_is_wrong_where_and_what_to_do_by_metrics_that_exist() -> Result<()> {
    let files = rule::load()?;
    none(&alert::all_problems(&files, &series(&files)?));
    Ok(())
}

#[test]
fn every_alert_has_a_test_in_which_it_fires_and_one_in_which_it_does_not() -> Result<()> {
    none(&coverage::problems(&rule::load()?, &unit::load()?));
    Ok(())
}

#[test]
fn expressions_in_tests_are_about_series_that_exist() -> Result<()> {
    let series = series(&rule::load()?)?;
    let tests = unit::load()?;
    let expressions = tests.iter().flat_map(|file| &file.tests).flat_map(|test| &test.promql_expr_test);
    none(&expressions.flat_map(|test| series.problems(&test.expr)).collect::<Vec<_>>());
    Ok(())
}

#[test]
fn every_alert_has_a_runbook() -> Result<()> {
    let files = rule::load()?;
    let alerts: BTreeSet<&str> = rule::alerts(&files).map(|(name, _)| name).collect();
    none(&page::runbook_problems(&alerts, &files::list(page::RUNBOOKS, ".md")?));
    Ok(())
}

#[test]
fn links_files_commands_and_queries_of_all_pages_are_real() -> Result<()> {
    let series = series(&rule::load()?)?;
    let pages = files::pages()?;
    for page in ["./README.md", "./docs/alerts.md", "./docs/runbooks/DuroxideStoreDown.md"] {
        assert!(pages.iter().any(|(folder, name, _)| format!("{folder}/{name}") == page), "no {page}");
    }
    let problems = pages.iter().flat_map(|(folder, name, text)| page::problems(folder, name, text, &series));
    none(&problems.collect::<Vec<_>>());
    Ok(())
}

#[test]
fn a_newcomer_reads_the_readme_in_three_minutes() -> Result<()> {
    let lines = files::read("README.md")?.lines().count();
    assert!(lines <= 130, "README.md has {lines} lines: what goes deeper belongs into docs/");
    Ok(())
}

#[test]
fn the_list_of_alerts_is_complete() -> Result<()> {
    let files = rule::load()?;
    let wanted: BTreeSet<String> = rule::alerts(&files)
        .map(|(name, rule)| {
            let wait = rule.r#for.as_deref().unwrap_or("at once");
            format!("| [{name}](runbooks/{name}.md) | {} | {wait} |", rule.severity())
        })
        .collect();
    let listed: BTreeSet<String> = files::read("docs/alerts.md")?
        .lines()
        .filter(|line| line.starts_with("| [Duroxide"))
        .map(|line| line.split_inclusive('|').take(4).collect())
        .collect();
    let difference =
        |a: &BTreeSet<String>, b: &BTreeSet<String>| a.difference(b).cloned().collect::<Vec<_>>().join("\n");
    let (missing, surplus) = (difference(&wanted, &listed), difference(&listed, &wanted));
    assert!(missing.is_empty() && surplus.is_empty(), "docs/alerts.md lacks\n{missing}\nand has\n{surplus}");
    Ok(())
}
