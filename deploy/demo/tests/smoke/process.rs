//! The demo as a process.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub(crate) use cluster::PATIENCE;

/// Killed when the test ends, however it ends.
pub(crate) struct Demo(Child);

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Not yet started. Nothing of the environment's decides what it does.
pub(crate) fn demo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_demo"));
    command.args(arguments).env_remove("DUROXIDE_DEMO_STORE").env_remove("RUST_LOG");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A demo that is wrong somewhere: its exit code and what it complains about.
pub(crate) fn complaint(mut command: Command) -> (Option<i32>, String) {
    let output = command.output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

impl Demo {
    pub(crate) fn start(mut command: Command) -> Self {
        Self(command.spawn().unwrap())
    }

    /// Reads lines until one is the address of the metrics. To be called once.
    pub(crate) fn address(&mut self) -> String {
        let address = |line: String| {
            let url = line.trim().strip_prefix("metrics")?.trim();
            Some(url.strip_prefix("http://")?.strip_suffix("/metrics")?.to_owned())
        };
        let stdout = self.0.stdout.take().unwrap();
        let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
        lines.find_map(address).expect("a line with the URL of the metrics")
    }

    /// Asks it to end, as a supervisor does; gives its exit code.
    pub(crate) fn stop(mut self) -> Option<i32> {
        let id = self.0.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status.code();
            }
            assert!(Instant::now() < deadline, "it does not stop");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
