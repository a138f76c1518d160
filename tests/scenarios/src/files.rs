//! Where stores of a test live.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A directory that disappears with this value; in memory where the machine offers that, because the tests are
/// about what is stored and not about disks.
#[derive(Debug)]
pub struct Scratch(TempDir);

impl Scratch {
    /// Creates the directory.
    pub fn new() -> Self {
        let memory = Path::new("/dev/shm");
        let mut dir = tempfile::Builder::new();
        dir.prefix("duroxide-scenario-");
        let dir = if memory.is_dir() { dir.tempdir_in(memory) } else { dir.tempdir() };
        Self(dir.expect("a temporary directory"))
    }

    /// A file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}
