//! Test files of `promtool`, as far as it matters here.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::files;

/// Where the tests are, from the root of the repository.
pub const FOLDER: &str = "dashboards/rules/tests";

/// A file of tests.
#[derive(Debug, Clone, Deserialize)]
pub struct TestFile {
    /// Its name, without folder.
    #[serde(skip)]
    pub name: String,
    /// The rules that are tested, from the folder of the tests.
    pub rule_files: Vec<String>,
    /// In which order groups are evaluated.
    #[serde(default)]
    pub group_eval_order: Vec<String>,
    /// Its tests.
    pub tests: Vec<Test>,
}

/// One situation.
#[derive(Debug, Clone, Deserialize)]
pub struct Test {
    /// What it is about.
    pub name: String,
    /// What is expected of single alerts.
    #[serde(default)]
    pub alert_rule_test: Vec<AlertTest>,
    /// What is expected of expressions.
    #[serde(default)]
    pub promql_expr_test: Vec<ExprTest>,
}

/// What an alert does at some time.
#[derive(Debug, Clone, Deserialize)]
pub struct AlertTest {
    /// The alert.
    pub alertname: String,
    /// What fires; nothing: it is silent.
    #[serde(default)]
    pub exp_alerts: Vec<Expected>,
}

/// An alert that fires.
#[derive(Debug, Clone, Deserialize)]
pub struct Expected {
    /// Its labels but for the name.
    #[serde(default)]
    pub exp_labels: BTreeMap<String, String>,
}

/// What an expression is worth at some time.
#[derive(Debug, Clone, Deserialize)]
pub struct ExprTest {
    /// The expression.
    pub expr: String,
}

/// Reads one file.
///
/// # Errors
/// When it is not a file of tests.
pub fn parse(name: &str, text: &str) -> Result<TestFile> {
    let file: TestFile =
        serde_saphyr::from_str(text).with_context(|| format!("{name} is no file of tests"))?;
    Ok(TestFile { name: name.to_owned(), ..file })
}

/// All test files.
///
/// # Errors
/// When there is none or one cannot be read.
pub fn load() -> Result<Vec<TestFile>> {
    files::list(FOLDER, ".yaml")?.iter().map(|(name, text)| parse(name, text)).collect()
}
