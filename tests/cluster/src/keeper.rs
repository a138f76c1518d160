//! Removes a server however the process that started it ends.
//!
//! A value that is dropped can clean up after itself; a static never is, nor is anything in a process that is killed.
//! So each server has a shell beside it that waits for the end of a pipe which only the test process holds.

use std::{
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, Command, Stdio},
};

const SCRIPT: &str = include_str!("keeper.sh");

#[derive(Debug)]
pub(crate) struct Keeper(Child);

impl Keeper {
    /// Watches over a server's directory.
    pub(crate) fn of(directory: &Path) -> Self {
        let child = Command::new("sh")
            .args(["-c", SCRIPT, "keeper"])
            .arg(directory)
            .current_dir("/")
            .stdin(Stdio::piped())
            // Whoever waits for the end of the tests' output must not wait for us.
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("sh");
        Self(child)
    }
}

impl Drop for Keeper {
    /// Ends the server and removes its directory.
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}
