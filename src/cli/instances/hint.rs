//! The command line that goes on where an answer ended, to copy.

use std::ffi::OsString;

use super::super::text;

/// The command line as it was typed, with this key.
pub(super) fn go_on(typed: &[OsString], key: &str) -> String {
    let typed: Vec<String> = typed.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let (before, behind) = match typed.iter().position(|word| word == "--") {
        Some(end) => typed.split_at(end),
        None => (typed.as_slice(), [].as_slice()),
    };
    let mut words = Vec::with_capacity(typed.len() + 1);
    let mut given = before.iter();
    while let Some(word) = given.next() {
        match word.as_str() {
            "--after" => drop(given.next()),
            "--store" => {
                words.push(quoted(word));
                words.extend(given.next().map(|store| quoted(without_secrets(store))));
            }
            _ if word.starts_with("--after=") => {}
            _ => match word.strip_prefix("--store=") {
                Some(store) => words.push(quoted(&format!("--store={}", without_secrets(store)))),
                None => words.push(quoted(word)),
            },
        }
    }
    words.push(quoted(&format!("--after={key}")));
    words.extend(behind.iter().map(|word| quoted(word)));
    words.join(" ")
}

/// A URL with a password was typed by somebody who takes the risk; this output may end in a log.
fn without_secrets(store: &str) -> &str {
    let secret = store.contains('@') || store.to_ascii_lowercase().contains("password");
    if secret { "…" } else { store }
}

/// As a shell reads it back.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:=,@%+…".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    if text::harmless(word) == word {
        return format!("'{}'", word.replace('\'', r"'\''"));
    }
    let mut quoted = "$'".to_owned();
    for c in word.chars() {
        match c {
            '\'' | '\\' => quoted.extend(['\\', c]),
            _ if text::harmless(c.encode_utf8(&mut [0; 4])) != c.to_string() => {
                quoted.push_str(&format!("\\U{:08x}", u32::from(c)));
            }
            _ => quoted.push(c),
        }
    }
    quoted + "'"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_with_the_new_key() {
        for (typed, expected) in [
            ("x instances list", "x instances list --after=k.1"),
            ("x instances list --after old --all", "x instances list --all --after=k.1"),
            ("x instances list --after=old", "x instances list --after=k.1"),
            ("x instances history -- -a --after", "x instances history --after=k.1 -- -a --after"),
            ("x --store a=sqlite:/b.db", "x --store a=sqlite:/b.db --after=k.1"),
            ("x --store a=postgres://u:hunter2@h/d", "x --store … --after=k.1"),
            ("x --store=a=postgres://h/d?password=hunter2", "x --store=… --after=k.1"),
        ] {
            let typed: Vec<OsString> = typed.split(' ').map(OsString::from).collect();
            assert_eq!(go_on(&typed, "k.1"), expected);
        }
    }

    #[test]
    fn a_shell_reads_it_back() {
        for (word, expected) in [
            ("order-42", "order-42"),
            ("", "''"),
            ("it's $HOME", r"'it'\''s $HOME'"),
            ("a\u{1b}'b\\", r"$'a\U0000001b\'b\\'"),
        ] {
            assert_eq!(quoted(word), expected, "{word:?}");
        }
        #[cfg(unix)]
        for word in ["a b", "it's", "a\u{1b}\u{202e}'\\b", "größe"] {
            let script = format!("printf %s {}", quoted(word));
            let output = std::process::Command::new("bash")
                .env("LC_ALL", "C.UTF-8")
                .args(["-c", &script])
                .output()
                .unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), word);
        }
    }
}
