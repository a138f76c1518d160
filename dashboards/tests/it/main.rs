//! The dashboards as they lie in the repository: what the source says, laid out soundly, every query right. Each check is
//! a function from dashboards to what is wrong with them, so that mistakes can be tried, too.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail loudly"
)]

mod catalogue;
mod checks;
mod golden;
mod mistakes;

use serde_json::Value;

/// The dashboards in the repository.
fn committed() -> Vec<Value> {
    let directory = env!("CARGO_MANIFEST_DIR");
    let mut files: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("duroxide-")))
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no dashboards in {directory}: run `cargo run -p dashboards`");
    files.iter().map(|path| serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()).collect()
}

#[test]
fn nothing_is_wrong_with_the_dashboards() {
    let problems = checks::all(&committed());
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}
