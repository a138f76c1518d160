//! The user's password file, `~/.pgpass`: as libpq reads it.
//! https://www.postgresql.org/docs/current/libpq-pgpass.html

use std::env;
use std::path::{Path, PathBuf};

use sqlx::postgres::PgConnectOptions;

/// What was there.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// With where it is, in words.
    pub(super) password: Option<(String, String)>,
    /// Why a file that is there is not used.
    pub(super) remark: Option<String>,
}

/// Looks for the password of this login.
pub(super) async fn look(options: &PgConnectOptions) -> Found {
    match place() {
        Some(path) => read(&path, options).await,
        None => Found::default(),
    }
}

fn place() -> Option<PathBuf> {
    if let Some(named) = env::var_os("PGPASSFILE").filter(|named| !named.is_empty()) {
        return Some(named.into());
    }
    if cfg!(windows) {
        return env::var_os("APPDATA").map(|data| Path::new(&data).join("postgresql").join("pgpass.conf"));
    }
    env::home_dir().map(|home| home.join(".pgpass"))
}

async fn read(path: &Path, options: &PgConnectOptions) -> Found {
    let because =
        |why: &str| Found { password: None, remark: Some(format!("{} is not used: {why}.", path.display())) };
    let file = match tokio::fs::metadata(path).await {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Found::default(),
        Err(error) => return because(&error.to_string()),
    };
    if !file.is_file() {
        return because("it is no file");
    }
    #[cfg(unix)]
    if std::os::unix::fs::PermissionsExt::mode(&file.permissions()) & 0o077 != 0 {
        return because("others may read it (chmod 600 helps)");
    }
    match tokio::fs::read_to_string(path).await {
        Ok(text) => {
            let place = format!("the password in {}", path.display());
            Found {
                password: password(&text, &login(options)).map(|password| (place, password)),
                remark: None,
            }
        }
        Err(error) => because(&error.to_string()),
    }
}

/// Host, port, database and user, as lines have them.
fn login(options: &PgConnectOptions) -> [String; 4] {
    let host = options.get_socket().map_or_else(|| options.get_host().into(), |path| path.to_string_lossy());
    let user = options.get_username();
    let database = options.get_database().unwrap_or(user);
    [host.into_owned(), options.get_port().to_string(), database.to_owned(), user.to_owned()]
}

/// That of the first line for this login.
fn password(text: &str, login: &[String; 4]) -> Option<String> {
    text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let mut rest = line;
        for wanted in login {
            let (field, behind) = field(rest)?;
            if field != "*" && unescaped(field) != *wanted {
                return None;
            }
            rest = behind;
        }
        Some(unescaped(rest)).filter(|password| !password.is_empty())
    })
}

/// The text before the first colon that no backslash stands before, and the text behind it.
fn field(text: &str) -> Option<(&str, &str)> {
    let mut escaped = false;
    let colon = text.find(|c| {
        let ends = c == ':' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    })?;
    Some((text.get(..colon)?, text.get(colon + 1..)?))
}

fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        plain.extend(if c == '\\' { characters.next() } else { Some(c) });
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_for_the_login_has_the_password() {
        let login = ["db", "5432", "app", "me"].map(str::to_owned);
        for (text, expected) in [
            ("db:5432:app:me:right", Some("right")),
            ("# db:5432:app:me:x\nother:*:*:*:x\n*:*:*:*:right\ndb:5432:app:me:late\n", Some("right")),
            ("*:*:*:me:right\r\n", Some("right")),
            (r"*:*:*:me:a\:b\\c:d", Some(r"a:b\c:d")),
            (r"d\b:*:*:m\e:right", Some("right")),
            ("*:*:*:me:", None),
            ("*:*:*:me", None),
            ("*:*:*:x", None),
            (r"\*:*:*:me:x", None),
            ("", None),
        ] {
            assert_eq!(password(text, &login).as_deref(), expected, "{text:?}");
        }
    }
}
