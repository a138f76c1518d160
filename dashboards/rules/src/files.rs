//! The repository's files.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// The root of the repository.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Text of a file, by its path from the root.
///
/// # Errors
/// When it cannot be read.
pub fn read(path: &str) -> Result<String> {
    std::fs::read_to_string(root().join(path)).with_context(|| format!("reading {path}"))
}

/// All pages of the repository: folder, name and text, in the order of their paths.
///
/// # Errors
/// When one cannot be read.
pub fn pages() -> Result<Vec<(String, String, String)>> {
    let mut pages = Vec::new();
    let mut folders = vec![String::from(".")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(root().join(&folder)).with_context(|| format!("reading {folder}"))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.file_type()?.is_dir() {
                if !name.starts_with('.') && !matches!(name.as_str(), "target" | "node_modules") {
                    folders.push(format!("{folder}/{name}"));
                }
            } else if name.ends_with(".md") {
                let text = read(&format!("{folder}/{name}"))?;
                pages.push((folder.clone(), name, text));
            }
        }
    }
    pages.sort();
    Ok(pages)
}

/// Names and texts of the files of a folder that have this ending, in the order of their names.
///
/// # Errors
/// When the folder or a file cannot be read, or there is none: a check of nothing would pass.
pub fn list(folder: &str, ending: &str) -> Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(root().join(folder)).with_context(|| format!("reading {folder}"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(ending) {
            let text = read(&format!("{folder}/{name}"))?;
            files.push((name, text));
        }
    }
    anyhow::ensure!(!files.is_empty(), "no *{ending} in {folder}");
    files.sort();
    Ok(files)
}
