//! A runtime in a process of its own, to be killed.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
};

use crate::store::Store;

/// The process; killed when it is dropped, with SIGKILL: nothing is released, no file is closed properly.
#[derive(Debug)]
pub struct Worker(Child);

impl Worker {
    /// Runs `program`, which Cargo built, over a store.
    pub fn start(program: impl AsRef<Path>, store: &Store) -> Self {
        let mut command = Command::new(program.as_ref());
        command.args(store.arguments()).stdin(Stdio::null());
        Self(command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
