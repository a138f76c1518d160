//! Tests: whatever the configuration is given, and wherever a password lands in it, nothing said about it holds a piece of
//! the password.

use std::collections::BTreeMap;
use std::io;

use percent_encoding::percent_decode_str;
use proptest::prelude::*;

use super::{Config, ConfigError, FileInput, Inputs, SETTINGS, load};
use crate::config::mistake::Origin;

/// Letters that no message has next to each other.
const RARE: &str = "[QXZJKVqxzjkv]{2,3}";
/// What may end a part of a URL, of a list, of a file.
const SPECIAL: &str = "[0-9/?@:#%&=+ ;,.'\"\\\\\\[\\]{}|<>^`~!$()*\n\t-]{0,2}";

/// Where a password may stand, rightly and wrongly.
const URLS: [&str; 30] = [
    "postgres://app:{}@db/shop",
    "POSTGRESQL://app:{}@db:5432/shop?schema=orders",
    "postgres://app:12{}@db/shop",
    "postgres://app:12/{}@db/shop",
    "postgres://app:12?{}@db/shop",
    "postgres://app:12#{}@db/shop",
    "postgres://app:p@12/{}@db/shop",
    "postgres://app:12 {}@db/shop",
    "postgres://:{}@db/shop",
    "postgres://app:{}@/shop?host=/run",
    "postgres://app:{}@[::1]/shop",
    "postgres://app:{}@db:port/shop",
    "postgres:app:{}@db/shop",
    "postgres:/app:{}@db/shop",
    "postgres//app:{}@db/shop",
    "postgres://db/shop?password={}",
    "postgres://db/shop?password=12{}&schema=orders",
    "postgres://db/shop?password=12&{}",
    "postgres://db/shop?passwort={}",
    "postgres://db/shop?sslpassword={}",
    "postgres://db/shop?sslmode={}",
    "postgres://db/shop?schema=-{}",
    "postgres://db/shop?port=x{}",
    "postgres://db/shop?sslkey={}",
    "postgres://db/shop?password-file={}",
    "sqlite://app:{}@db/shop",
    "sqlite:/shop.db?key={}",
    "mysql://app:{}@db/shop",
    "app:{}@db/shop",
    "orders={}",
];

/// No TOML, or none that is known.
const FILES: [&str; 8] = [
    "store = postgres://app:{}@db/shop\n",
    "store = \"postgres://app:{}@db/shop\n",
    "[store]\n\"postgres://app:{}@db/shop\" = true\n",
    "[{}]\n",
    "\"{}\" = 1\n",
    "[log]\n\"{}\" = 'x'\n",
    "web = '{}'\n",
    "store = [['{}']]\n",
];

fn secret() -> impl Strategy<Value = String> {
    prop::collection::vec((SPECIAL, RARE), 2..5)
        .prop_map(|parts| parts.into_iter().map(|(special, rare)| special + &rare).collect())
}

/// What was said or would be shown.
fn told(flags: &[(&'static str, &str)], environment: &[(String, &str)], file: &str) -> String {
    let mut given = BTreeMap::new();
    for (key, text) in flags {
        given.insert(*key, vec![(*text).to_owned()]);
    }
    let loaded = load(Inputs {
        flags: &given,
        environment: &environment.iter().map(|(name, value)| (name.clone(), value.into())).collect(),
        file: (!file.is_empty()).then(|| FileInput {
            named_by: Origin::Flag("config.file".to_owned()),
            path: "x.toml".to_owned(),
            text: Ok(file.to_owned()),
        }),
        resolve: &|_| Err(io::ErrorKind::NotFound.into()),
    });
    match loaded {
        Ok(Config { stores, .. }) => stores.iter().map(|spec| format!("{spec:?} {}\n", spec.url)).collect(),
        Err(mistakes) => mistakes.iter().map(ConfigError::to_string).collect::<Vec<_>>().join("\n"),
    }
}

/// A piece of four characters, two of which are rare letters: shorter ones are in a message by chance.
fn leaked(secret: &str, told: &str) -> Option<String> {
    let told = format!("{told}\n{}", percent_decode_str(told).decode_utf8_lossy());
    let characters: Vec<char> = secret.chars().collect();
    characters
        .windows(4)
        .filter(|piece| piece.iter().filter(|c| c.is_ascii_alphabetic()).count() >= 2)
        .map(|piece| piece.iter().collect::<String>())
        .find(|piece| told.contains(piece))
}

fn encoded(secret: &str) -> String {
    secret.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn no_piece_of_a_password_in_a_url_is_told(secret in secret()) {
        let encoded = encoded(&secret);
        for text in URLS.iter().flat_map(|url| [url.replace("{}", &secret), url.replace("{}", &encoded)]) {
            let quoted = serde_json::Value::from(text.as_str()).to_string();
            let variable = |name: &str| format!("DUROXIDE_EXPORTER_{name}");
            for told in [
                told(&[("store", &text)], &[], ""),
                told(&[], &[(variable("STORE"), &text)], ""),
                told(&[], &[], &format!("store = {quoted}")),
                told(&[], &[], &format!("store = {text}")),
            ] {
                prop_assert_eq!(leaked(&secret, &told), None, "{}\n{}", text, told);
            }
        }
    }

    #[test]
    fn no_piece_of_a_password_in_a_wrong_place_is_told(secret in secret()) {
        let collectors = ["http://u:{}@c:1", "http://u:12/{}@c:1", "ftp://{}", "http://{}", "{}"];
        let lists = ["authorization=Basic 12,{}", "{}", "x={}", "={}", "{}=%0A"];
        let others = ["{}", "127.0.0.1:{}", "{}:1", "warn,{}", "a={}", "{}=info"];
        for setting in SETTINGS {
            let texts: &[&str] = match setting.key {
                key if key.ends_with("endpoint") => &collectors,
                "otlp.headers" | "otlp.resource-attributes" => &lists,
                _ => &others,
            };
            for text in texts {
                let text = text.replace("{}", &secret);
                let variable = setting.variable();
                for told in [
                    told(&[(setting.key, &text)], &[], ""),
                    told(&[], &[(variable, &text)], ""),
                    told(&[], &[], &format!("{} = {}", setting.key, serde_json::Value::from(text.as_str()))),
                ] {
                    prop_assert_eq!(leaked(&secret, &told), None, "{}: {}\n{}", setting.key, text, told);
                }
            }
        }
        for file in FILES {
            let file = file.replace("{}", &secret);
            let told = told(&[], &[], &file);
            prop_assert_eq!(leaked(&secret, &told), None, "{}\n{}", file, told);
        }
    }
}
