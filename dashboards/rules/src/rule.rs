//! Rule files.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::files;

/// Where the rules are, from the root of the repository.
pub const FOLDER: &str = "dashboards/rules";

/// A file of rules.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleFile {
    /// Its name, without folder.
    #[serde(skip)]
    pub name: String,
    /// Its groups.
    pub groups: Vec<Group>,
}

/// Rules that are evaluated one after the other.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// How often it is evaluated.
    pub interval: String,
    /// Its rules.
    pub rules: Vec<Rule>,
}

/// An alert or a recorded series.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rule {
    /// Name of the alert.
    pub alert: Option<String>,
    /// Name of the recorded series.
    pub record: Option<String>,
    /// The expression.
    pub expr: String,
    /// For how long it must hold.
    pub r#for: Option<String>,
    /// For how long the alert goes on after it held last.
    pub keep_firing_for: Option<String>,
    /// Labels that are added.
    pub labels: BTreeMap<String, String>,
    /// Texts for people.
    pub annotations: BTreeMap<String, String>,
}

impl Rule {
    /// `critical`, `warning`, `info`, or nothing.
    #[must_use]
    pub fn severity(&self) -> &str {
        self.labels.get("severity").map_or("", String::as_str)
    }
}

/// Reads one file.
///
/// # Errors
/// When it is not a file of rules.
pub fn parse(name: &str, text: &str) -> Result<RuleFile> {
    let file: RuleFile =
        serde_saphyr::from_str(text).with_context(|| format!("{name} is no file of rules"))?;
    Ok(RuleFile { name: name.to_owned(), ..file })
}

/// All rule files.
///
/// # Errors
/// When there is none or one cannot be read.
pub fn load() -> Result<Vec<RuleFile>> {
    files::list(FOLDER, ".yaml")?.iter().map(|(name, text)| parse(name, text)).collect()
}

/// The alerts of some files, with their names.
pub fn alerts(files: &[RuleFile]) -> impl Iterator<Item = (&str, &Rule)> {
    rules(files).filter_map(|rule| rule.alert.as_deref().map(|name| (name, rule)))
}

/// All rules of some files.
pub fn rules(files: &[RuleFile]) -> impl Iterator<Item = &Rule> {
    files.iter().flat_map(|file| &file.groups).flat_map(|group| &group.rules)
}
