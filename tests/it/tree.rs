//! What the exporter links. `cargo tree` answers for the real dependency graph.

use std::process::Command;

fn tree(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--package", "duroxide-exporter", "--prefix", "none", "--format", "{p}"])
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn has(tree: &str, name: &str) -> bool {
    tree.lines().any(|line| line.split(' ').next() == Some(name))
}

#[test]
fn the_exporter_links_no_openssl_not_even_for_its_tests() {
    let tree = tree(&["--edges", "normal,build,dev", "--target", "all"]);
    assert!(has(&tree, "libsqlite3-sys"), "the listing is not what this test believes:\n{tree}");
    // The other cryptography that rustls can have wants a C compiler and CMake.
    for name in ["openssl", "openssl-sys", "native-tls", "aws-lc-rs", "aws-lc-sys"] {
        assert!(!has(&tree, name), "{name} has come in: `cargo tree -p duroxide-exporter -i {name}`");
    }
}

#[test]
fn sqlite_is_linked_once() {
    // Two copies of SQLite in one process drop each other's file locks.
    let copies: std::collections::HashSet<String> =
        tree(&[]).lines().filter(|line| line.starts_with("libsqlite3-sys ")).map(str::to_owned).collect();
    assert_eq!(copies.len(), 1, "{copies:?}");
}

#[test]
fn an_application_can_take_the_trait_alone() {
    let tree = tree(&["--edges", "normal", "--no-default-features"]);
    assert!(has(&tree, "duroxide"), "the listing is not what this test believes:\n{tree}");
    for name in [
        "sqlx",
        "hyper",
        "clap",
        "prometheus",
        "toml",
        "tonic",
        "opentelemetry",
        "opentelemetry-proto",
        "tracing-opentelemetry",
    ] {
        assert!(!has(&tree, name), "{name} is linked without default features");
    }
}

#[test]
fn spans_with_links_need_no_sdk() {
    let tree = tree(&["--edges", "normal", "--no-default-features", "--features", "otel"]);
    assert!(has(&tree, "opentelemetry"), "the listing is not what this test believes:\n{tree}");
    for name in ["opentelemetry_sdk", "opentelemetry-otlp", "tonic", "sqlx", "hyper"] {
        assert!(!has(&tree, name), "{name} is linked with the feature `otel`");
    }
}

#[test]
fn an_application_can_read_a_store_without_the_exporter() {
    let tree = tree(&["--edges", "normal", "--no-default-features", "--features", "sqlite"]);
    assert!(has(&tree, "sqlx"), "the listing is not what this test believes:\n{tree}");
    for name in ["hyper", "clap", "prometheus", "toml", "tonic", "opentelemetry-proto"] {
        assert!(!has(&tree, name), "{name} is linked with the feature `sqlite` alone");
    }
}
