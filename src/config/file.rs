//! The TOML file: the same keys as the flags, dots as tables.
//!
//! Only shapes are read here; what the texts mean is `parse`'s work, as for flags. Messages name a line of the file and
//! never show it, because it may hold a password.

use toml::de::{DeTable, DeValue};

use super::layers::{RawValues, unknown};
use super::mistake::{ConfigError, Origin};
use super::suggest;
use super::table::{self, SETTINGS, Setting};

/// Texts the file gives. `None`: the file is not TOML, and anything else said about it would be guessed.
pub(super) fn read(file: &str, text: &str, mistakes: &mut Vec<ConfigError>) -> Option<RawValues> {
    // Some editors put it there; it is no mistake of the user's.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (table, mut errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        errors.sort_by_key(|error| error.span().map(|span| span.start));
        for error in errors {
            let origin = match error.span() {
                Some(span) => at(file, text, span.start),
                None => Origin::WholeFile(file.to_owned()),
            };
            mistakes.push(ConfigError::new(origin, format!("not TOML: {}", error.message())));
        }
        return None;
    }
    let mut reader = Reader { file, text, given: RawValues::new(), mistakes };
    reader.table("", table.get_ref());
    Some(reader.given)
}

/// The line of the file in which this byte is.
fn at(file: &str, text: &str, byte: usize) -> Origin {
    let line = text.get(..byte).unwrap_or_default().matches('\n').count() + 1;
    Origin::WholeFile(format!("{file} line {line}"))
}

struct Reader<'a> {
    file: &'a str,
    text: &'a str,
    given: RawValues,
    mistakes: &'a mut Vec<ConfigError>,
}

impl Reader<'_> {
    fn table(&mut self, prefix: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let key = format!("{prefix}{}", name.get_ref());
            let section = format!("{key}.");
            match (table::by_key(&key), value.get_ref()) {
                (Some(setting), value) => self.setting(setting, value),
                (None, DeValue::Table(inner)) if is_section(&section) => self.table(&section, inner),
                (None, _) if is_section(&section) => {
                    self.mistake(&key, format!("is a section: write [{key}], then its settings"));
                }
                (None, _) => {
                    let similar = suggest::nearest(&key, SETTINGS.iter().map(|setting| setting.key));
                    let origin = at(self.file, self.text, name.span().start);
                    self.mistakes.push(unknown(origin, "setting", similar));
                }
            }
        }
    }

    fn setting(&mut self, setting: &'static Setting, value: &DeValue<'_>) {
        if setting.key == "config.file" {
            self.mistake(setting.key, "cannot be set in the file itself".to_owned());
            return;
        }
        let texts: Option<Vec<String>> = match value {
            DeValue::Array(values) if setting.repeatable => {
                values.iter().map(|value| scalar(value.get_ref())).collect()
            }
            value => scalar(value).map(|text| vec![text]),
        };
        match texts {
            Some(texts) => {
                self.given.insert(setting.key, texts);
            }
            None => {
                let expected = if setting.repeatable {
                    "text in quotes, or an array of such texts"
                } else {
                    "text in quotes"
                };
                let mut mistake = ConfigError::new(
                    self.origin(setting.key),
                    format!("must be {expected}, not {}", kind(value)),
                );
                mistake.example = Some(setting.example);
                self.mistakes.push(mistake);
            }
        }
    }

    fn origin(&self, key: &str) -> Origin {
        Origin::File { file: self.file.to_owned(), key: key.to_owned() }
    }

    fn mistake(&mut self, key: &str, problem: String) {
        let origin = self.origin(key);
        self.mistakes.push(ConfigError::new(origin, problem));
    }
}

/// Whether settings begin with this.
fn is_section(section: &str) -> bool {
    SETTINGS.iter().any(|setting| setting.key.starts_with(section))
}

/// Text, or a number as one would write it: `web.max-connections = 64` is as clear as `"64"`.
fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => Some(number.to_string()),
        DeValue::Float(number) => Some(number.to_string()),
        DeValue::Boolean(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::String(_) | DeValue::Integer(_) | DeValue::Float(_) => "this",
    }
}
