//! The JSON in the repository is what the source says.

use std::collections::BTreeSet;
use std::path::Path;

#[test]
fn the_json_is_made_of_the_source() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut wanted = BTreeSet::new();
    for dashboard in dashboards::all() {
        let name = dashboard.file_name();
        let found = std::fs::read_to_string(directory.join(&name)).unwrap_or_default();
        assert!(found == dashboard.json(), "{name} is not what the source says: cargo run -p dashboards");
        wanted.insert(name);
    }
    let found: BTreeSet<String> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".json"))
        .collect();
    assert_eq!(found, wanted, "files that no source makes");
}
