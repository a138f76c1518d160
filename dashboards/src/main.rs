//! Writes the dashboards beside this package's sources, or into the directory given.

use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let directory =
        std::env::args_os().nth(1).map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    for dashboard in dashboards::all() {
        let path = directory.join(dashboard.file_name());
        if let Err(error) = std::fs::write(&path, dashboard.json()) {
            eprintln!("cannot write {}: {error}", path.display());
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
