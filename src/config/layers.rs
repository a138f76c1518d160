//! Raw values of settings from flags and the environment, and unknown names.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use super::mistake::{ConfigError, Origin};
use super::suggest;
use super::table::{self, SETTINGS, Setting};

/// Texts by key. One layer: flags, environment or file.
pub(crate) type RawValues = BTreeMap<&'static str, Vec<String>>;

/// The environment, names as text.
pub(crate) type Environment = BTreeMap<String, OsString>;

/// Texts the environment gives. An empty variable is one that is not set: compose files and charts write
/// `NAME: ""` for "the default".
pub(super) fn environment(environment: &Environment, mistakes: &mut Vec<ConfigError>) -> RawValues {
    let mut given = RawValues::new();
    let variables: Vec<(String, &Setting)> =
        SETTINGS.iter().map(|setting| (setting.variable(), setting)).collect();
    for (variable, value) in environment.iter().filter(|(_, value)| !value.is_empty()) {
        let origin = || Origin::Environment(variable.clone());
        let Some((_, setting)) = variables.iter().find(|(name, _)| name == variable) else {
            if table::is_ours(variable) {
                // Without the prefix, which all have in common and which would make everything similar.
                let names = variables.iter().map(|(name, _)| table::without_prefix(name));
                let similar =
                    suggest::nearest(table::without_prefix(variable), names).map(table::with_prefix);
                mistakes.push(unknown(origin(), "variable", similar.as_deref()));
            }
            continue;
        };
        let Some(text) = value.to_str() else {
            mistakes.push(ConfigError::new(origin(), "is not valid UTF-8"));
            continue;
        };
        let texts: Vec<String> = if setting.repeatable {
            text.split_whitespace().map(str::to_owned).collect()
        } else {
            vec![text.to_owned()]
        };
        if !texts.is_empty() {
            given.insert(setting.key, texts);
        }
    }
    given
}

/// An unknown name.
pub(super) fn unknown(origin: Origin, what: &str, similar: Option<&str>) -> ConfigError {
    let hint = similar.map(|similar| format!("; did you mean {similar}?")).unwrap_or_default();
    ConfigError::new(origin, format!("unknown {what}{hint}"))
}

/// The configuration file to read, and who named it.
pub(crate) fn file_path(flags: &RawValues, environment: &Environment) -> Option<(Origin, PathBuf)> {
    let setting = table::by_key("config.file")?;
    if let Some(path) = flags.get(setting.key).and_then(|texts| texts.last()) {
        return Some((Origin::Flag(setting.key.to_owned()), path.into()));
    }
    let path: &OsStr = environment.get(&setting.variable()).filter(|path| !path.is_empty())?;
    Some((Origin::Environment(setting.variable()), path.into()))
}
